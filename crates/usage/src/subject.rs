//! The name of that whose use is counted.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

/// The name of that whose use is counted: an API key, a storage backend. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Arc<str>);

impl Subject {
    /// How long a name may be.
    pub const NAME_BYTES_MAX: usize = 256;

    /// A name of 1 to 256 bytes without control characters.
    pub fn new(name: &str) -> Result<Self, SubjectError> {
        if name.is_empty() {
            return Err(SubjectError::Empty);
        }
        if name.len() > Subject::NAME_BYTES_MAX {
            return Err(SubjectError::TooLong { bytes: name.len() });
        }
        if name.chars().any(char::is_control) {
            return Err(SubjectError::ControlCharacter);
        }
        Ok(Subject(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(name: &str) -> Result<Self, SubjectError> {
        Subject::new(name)
    }
}

impl Borrow<str> for Subject {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// This cannot be the name of a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// It is empty.
    #[error("the name of a subject is empty")]
    Empty,
    /// It is longer than [`Subject::NAME_BYTES_MAX`].
    #[error(
        "the name of a subject has {bytes} bytes; at most {} are allowed",
        Subject::NAME_BYTES_MAX
    )]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// It holds a control character.
    #[error("the name of a subject holds a control character")]
    ControlCharacter,
}
