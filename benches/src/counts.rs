//! The table of counts that is kept in the repository, and what differs from it by more than is tolerated.

use std::{collections::BTreeMap, fs, path::PathBuf};

use crate::Fallible;

/// What the file begins with.
const HEAD: &str = "\
# What work costs: one page of 250 executions from bytes to differences, and one warm GET /api/v1/metrics/my-metrics through the API.
# Allocations and their bytes are counted in a debug build by a test, instructions in a release build by scripts/counts.
# After a change that is meant: scripts/counts --write
";

/// Numbers by the names of a work and of what is counted.
pub type Counts = BTreeMap<(String, String), u64>;

/// Where the table is.
fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("counts.txt")
}

/// The table as it is kept.
///
/// # Errors
/// When it cannot be read.
pub fn kept() -> Fallible<Counts> {
    parse(&fs::read_to_string(file())?)
}

fn parse(table: &str) -> Fallible<Counts> {
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [work, what, count] => Ok(((work.to_owned(), what.to_owned()), count.parse()?)),
            _ => Err(format!("counts.txt: {line}").into()),
        })
        .collect()
}

/// Writes what was found into the table and leaves the rest of it.
///
/// # Errors
/// When it cannot be read or written.
pub fn keep(found: &Counts) -> Fallible<()> {
    let mut all = kept()?;
    all.extend(found.clone());
    let lines: String = all.iter().map(|((work, what), count)| format!("{work} {what} {count}\n")).collect();
    Ok(fs::write(file(), HEAD.to_owned() + &lines)?)
}

/// What is more or less than in the table by more than a share of it, a sentence for each.
pub fn differences(kept: &Counts, found: &Counts, tolerance: f64) -> Vec<String> {
    let sentence = |((work, what), found): (&(String, String), &u64)| {
        let key = (work.clone(), what.clone());
        let Some(kept) = kept.get(&key) else { return Some(format!("{work} {what}: not in the table")) };
        let change = *found as f64 / *kept as f64 - 1.0;
        let advice = match change {
            _ if change > tolerance => "find out why, or say that it is meant",
            _ if change < -tolerance => "better: keep it so",
            _ => return None,
        };
        let change = change * 100.0;
        Some(format!(
            "{work} {what}: {found}, in the table {kept}, {change:+.1} %; {advice} by scripts/counts --write"
        ))
    };
    found.iter().filter_map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grew_or_shrank_by_more_than_is_tolerated_is_said() {
        let kept = parse("# a table\n\npage allocations 100\nrequest bytes 1000\n").unwrap();
        let found = |page, request| {
            let found = parse(&format!("page allocations {page}\nrequest bytes {request}\n")).unwrap();
            differences(&kept, &found, 0.05)
        };
        assert!(found(104, 960).is_empty());
        let grown = found(106, 1000);
        assert_eq!(grown.len(), 1);
        assert!(
            grown[0].starts_with("page allocations: 106, in the table 100, +6.0 %; find out why"),
            "{grown:?}"
        );
        assert!(found(100, 940)[0].contains("-6.0 %; better"));
        assert_eq!(differences(&Counts::new(), &kept, 0.05).len(), 2, "what is not in the table is said too");
    }
}
