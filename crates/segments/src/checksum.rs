//! CRC-32 as in gzip: what tells bytes that were written from what a crash left of them.

/// The checksum of bytes that come one piece after the other.
#[derive(Debug, Clone, Default)]
pub struct Checksum {
    hasher: crc32fast::Hasher,
}

impl Checksum {
    /// Goes on with these bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// The checksum of all bytes so far.
    #[must_use]
    pub fn value(&self) -> u32 {
        self.hasher.clone().finalize()
    }
}

/// The checksum of these parts, one after the other.
#[must_use]
pub fn checksum(parts: &[&[u8]]) -> u32 {
    let mut checksum = Checksum::default();
    parts.iter().for_each(|part| checksum.update(part));
    checksum.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_good_as_the_whole() {
        // The check value of CRC-32.
        assert_eq!(checksum(&[b"123456789"]), 0xcbf4_3926);
        assert_eq!(checksum(&[b"1234", b"", b"56789"]), 0xcbf4_3926);
        assert_eq!(checksum(&[]), 0);
    }
}
