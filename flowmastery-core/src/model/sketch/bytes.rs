//! The stored form of a sketch, as documented there: one form for each sketch, everything else is refused.

use super::{Bin, Bins, SketchError, bins::BINS};

const VERSION: u8 = 1;
const GAP: u64 = 0;

pub(super) fn write(bins: &[Bin]) -> Result<Vec<u8>, SketchError> {
    let mut bytes = Vec::with_capacity(8 + bins.len() + bins.len() / 4);
    bytes.push(VERSION);
    let (mut next, mut sum) = (0, 0i64);
    for &(bin, count) in bins {
        if bin > next {
            write_varint(GAP, &mut bytes);
            write_varint(u64::from(bin - next), &mut bytes);
        }
        sum = sum.checked_add(count).ok_or(SketchError)?;
        write_varint(u64::try_from(count).map_err(|_| SketchError)?, &mut bytes);
        next = bin + 1;
    }
    Ok(bytes)
}

pub(super) fn read(bytes: &[u8]) -> Result<Bins, SketchError> {
    let mut bins = Bins::new();
    each(bytes, |bin, count| bins.push((bin, count)))?;
    Ok(bins)
}

/// Calls `found` with every bin in order; what it was called with means nothing where the end is an error.
pub(super) fn each(bytes: &[u8], mut found: impl FnMut(u16, i64)) -> Result<(), SketchError> {
    let Some((&VERSION, mut rest)) = bytes.split_first() else { return Err(SketchError) };
    let (mut next, mut sum) = (0, 0i64);
    while !rest.is_empty() {
        let mut count = read_varint(&mut rest)?;
        if count == GAP {
            let gap = read_varint(&mut rest)?;
            next = usize::try_from(gap).ok().and_then(|gap| gap.checked_add(next)).ok_or(SketchError)?;
            count = read_varint(&mut rest)?;
            if gap == 0 || count == GAP {
                return Err(SketchError);
            }
        }
        let bin = u16::try_from(next).ok().filter(|_| next < BINS).ok_or(SketchError)?;
        let count = i64::try_from(count).map_err(|_| SketchError)?;
        sum = sum.checked_add(count).ok_or(SketchError)?;
        found(bin, count);
        next += 1;
    }
    Ok(())
}

fn write_varint(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a varint off the front.
fn read_varint(bytes: &mut &[u8]) -> Result<u64, SketchError> {
    // Nearly all of them.
    if let Some((&byte @ ..0x80, rest)) = bytes.split_first() {
        *bytes = rest;
        return Ok(byte.into());
    }
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(SketchError)?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        number |= bits << shift;
        if byte & 0x80 == 0 {
            let superfluous = bits == 0 && shift > 0;
            let too_large = (bits << shift) >> shift != bits;
            return if superfluous || too_large { Err(SketchError) } else { Ok(number) };
        }
    }
    Err(SketchError)
}
