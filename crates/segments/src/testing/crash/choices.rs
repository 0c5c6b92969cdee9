//! Decisions, read from bytes: whatever the bytes are, they decide, so that generators and fuzzers can vary them.

/// What a crash of the operating system would do, or anything else that is to be decided by bytes: where they end, every
/// byte is 0. For a crash that means that everything is lost.
#[derive(Debug)]
pub struct Choices<'a> {
    bytes: &'a [u8],
    bits: u8,
    bits_left: u8,
}

impl<'a> Choices<'a> {
    /// Decides by these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Choices {
            bytes,
            bits: 0,
            bits_left: 0,
        }
    }

    /// Whether all bytes were used.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        *first
    }

    /// A number up to and with `max`.
    pub fn up_to(&mut self, max: usize) -> usize {
        if max < 256 {
            return usize::from(self.byte()) % (max + 1);
        }
        (usize::from(self.byte()) << 8 | usize::from(self.byte())) % (max + 1)
    }

    /// Yes or no, of which there are eight in a byte.
    pub(super) fn bit(&mut self) -> bool {
        if self.bits_left == 0 {
            (self.bits, self.bits_left) = (self.byte(), 8);
        }
        let bit = self.bits & 1 == 1;
        self.bits >>= 1;
        self.bits_left -= 1;
        bit
    }
}
