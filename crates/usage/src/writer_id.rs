//! Who counted: one process, from its start to its end.

use std::{fmt, str::FromStr};

/// Who counted: one process, from its start to its end.
///
/// A process that starts again is another writer; what the one before it counted is final. So no total is ever counted on
/// from a reading that may be older than what a ledger holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriterId(u128);

impl WriterId {
    /// A new one: 128 random bits.
    pub fn random() -> Result<Self, WriterIdError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| WriterIdError::NoRandomness(error.to_string()))?;
        Ok(WriterId(u128::from_be_bytes(bytes)))
    }

    /// The one with these bits.
    pub const fn from_bits(bits: u128) -> Self {
        WriterId(bits)
    }

    /// Its bits.
    pub const fn to_bits(self) -> u128 {
        self.0
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriterId({self})")
    }
}

impl FromStr for WriterId {
    type Err = WriterIdError;

    fn from_str(text: &str) -> Result<Self, WriterIdError> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(WriterIdError::Malformed(text.to_owned()));
        }
        u128::from_str_radix(text, 16)
            .map(WriterId)
            .map_err(|_| WriterIdError::Malformed(text.to_owned()))
    }
}

/// There is no such writer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriterIdError {
    /// The machine gave no random bits.
    #[error("no random bits for a writer's id: {0}")]
    NoRandomness(String),
    /// The text is not 32 hexadecimal digits.
    #[error("a writer's id is 32 hexadecimal digits, not {0:?}")]
    Malformed(String),
}
