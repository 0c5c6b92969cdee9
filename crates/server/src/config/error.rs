//! What is wrong with a configuration: everything, not only the first thing.

use std::{cell::RefCell, fmt};

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigError {
    /// The file and the dotted path in it, the environment variable, or the flag.
    pub(crate) place: String,
    /// What was expected there, and what stands there instead; never a key.
    pub(crate) text: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// All that is wrong with a configuration, in the order of reading; never empty. Displayed as one line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigErrors(pub(super) Vec<ConfigError>);

impl ConfigErrors {
    /// A single error.
    pub(crate) fn one(place: impl Into<String>, text: impl Into<String>) -> Self {
        ConfigErrors(vec![ConfigError {
            place: place.into(),
            text: text.into(),
        }])
    }

    /// Each of them.
    #[cfg(test)]
    pub(crate) fn errors(&self) -> &[ConfigError] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Where reading collects errors; each section of the file holds a reference.
#[derive(Debug, Default)]
pub(super) struct Errors {
    list: RefCell<Vec<ConfigError>>,
    /// The dotted paths that reading has asked for, so that a test can hold them against the example.
    #[cfg(test)]
    pub(super) asked_for: RefCell<Vec<String>>,
}

impl Errors {
    pub(super) fn add(&self, place: impl Into<String>, text: impl Into<String>) {
        self.list.borrow_mut().push(ConfigError {
            place: place.into(),
            text: text.into(),
        });
    }

    /// `value`, unless anything was wrong.
    pub(super) fn or<T>(self, value: T) -> Result<T, ConfigErrors> {
        let list = self.list.into_inner();
        if list.is_empty() {
            Ok(value)
        } else {
            Err(ConfigErrors(list))
        }
    }
}
