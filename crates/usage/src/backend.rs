use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

/// The name of that whose use is counted: an API key, a storage backend. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Backend(Arc<str>);

impl Backend {
    /// How long a name may be.
    pub const NAME_BYTES_MAX: usize = 256;

    /// A name of 1 to 256 bytes without control characters.
    pub fn new(name: &str) -> Result<Self, BackendError> {
        if name.is_empty() {
            return Err(BackendError::Empty);
        }
        if name.len() > Backend::NAME_BYTES_MAX {
            return Err(BackendError::TooLong { bytes: name.len() });
        }
        if name.chars().any(char::is_control) {
            return Err(BackendError::ControlCharacter);
        }
        Ok(Backend(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Backend {
    type Err = BackendError;

    fn from_str(name: &str) -> Result<Self, BackendError> {
        Backend::new(name)
    }
}

impl Borrow<str> for Backend {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// This cannot be the name of a backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// It is empty.
    #[error("the name of a backend is empty")]
    Empty,
    /// It is longer than [`Backend::NAME_BYTES_MAX`].
    #[error(
        "the name of a backend has {bytes} bytes; at most {} are allowed",
        Backend::NAME_BYTES_MAX
    )]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// It holds a control character.
    #[error("the name of a backend holds a control character")]
    ControlCharacter,
}
