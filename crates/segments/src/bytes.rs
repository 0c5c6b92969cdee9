//! Headers of fixed length, put together and taken apart.

/// The parts one after the other: what lacks is zeros, what is too much is left out.
#[must_use]
pub fn join<const BYTES: usize>(parts: &[&[u8]]) -> [u8; BYTES] {
    let mut whole = [0; BYTES];
    let bytes = parts.iter().copied().flatten();
    whole.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    whole
}

/// Takes so many bytes from the front; none if there are fewer, and then nothing is taken.
pub fn take<const BYTES: usize>(from: &mut &[u8]) -> Option<[u8; BYTES]> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_joined_is_taken_apart_again() {
        let whole: [u8; 6] = join(&[b"ab", &7_u32.to_le_bytes()]);
        let mut rest = &whole[..];
        assert_eq!(take(&mut rest), Some(*b"ab"));
        assert_eq!(take(&mut rest).map(u32::from_le_bytes), Some(7));
        assert_eq!(take::<1>(&mut rest), None);
        assert_eq!(join::<3>(&[b"ab"]), *b"ab\0");
        assert_eq!(join::<1>(&[b"ab"]), *b"a");
    }
}
