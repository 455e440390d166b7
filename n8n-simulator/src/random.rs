//! Randomness that a seed decides: SplitMix64, and the distributions that histories are drawn from.

/// 62 characters, which n8n makes its ids of.
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// SplitMix64, by Sebastiano Vigna: equal seeds give equal numbers everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, but not, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds")]
        let bits = (self.next() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }

    /// From 0 up to, but not, `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Whether something of this probability happens.
    pub(crate) fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// The time between two events of a Poisson process.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Log-normal, with this median and this standard deviation of its logarithm, by Box and Muller.
    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        median * (sigma * normal).exp()
    }

    /// An id as n8n gives to workflows, projects and tags.
    pub(crate) fn id16(&mut self) -> String {
        let letter = |_| {
            char::from(LETTERS.get(usize::try_from(self.below(62)).unwrap_or(0)).copied().unwrap_or(b'0'))
        };
        (0..16).map(letter).collect()
    }

    /// A UUID of version 4, as n8n gives to versions and users.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 50),
            low & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_numbers() {
        let draw = |seed| (Random::new(seed).id16(), Random::new(seed).uuid(), Random::new(seed).next());
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_eq!(Random::new(0).next(), 0xe220_a839_7b1d_cdaf, "as published");
    }

    #[test]
    fn distributions_have_their_middles() {
        let mut random = Random::new(1);
        let mut drawn: Vec<f64> = (0..10_001).map(|_| random.log_normal(200.0, 1.0)).collect();
        drawn.sort_by(f64::total_cmp);
        assert!((190.0..210.0).contains(&drawn[5000]), "{}", drawn[5000]);
        let mean = (0..10_000).map(|_| random.exponential(50.0)).sum::<f64>() / 10_000.0;
        assert!((48.0..52.0).contains(&mean), "{mean}");
        let happened = (0..10_000).filter(|_| random.happens(0.1)).count();
        assert!((900..1100).contains(&happened), "{happened}");
    }
}
