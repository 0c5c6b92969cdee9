//! Why a text could not be read, and where.

use crate::{Kind, LabelError};

/// Why a text could not be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The input is not UTF-8.
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// The input does not end in a line end, or OpenMetrics' `# EOF` is missing.
    #[error("unexpected end of input: {0} is missing")]
    UnexpectedEnd(&'static str),
    /// Something follows OpenMetrics' `# EOF`.
    #[error("nothing may follow # EOF")]
    AfterEof,
    /// Something else was due.
    #[error("expected {expected}, found {found:?}")]
    Syntax {
        /// What was due.
        expected: &'static str,
        /// What stands there; not more than its beginning.
        found: String,
    },
    /// A backslash before a character that has no escape.
    #[error("invalid escape sequence \\{0}")]
    Escape(char),
    /// A set of labels is not allowed.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// A header line comes a second time, or after the samples of its family.
    #[error("{keyword} of {name:?} is repeated or comes after samples")]
    Misplaced {
        /// `HELP`, `TYPE` or `UNIT`.
        keyword: &'static str,
        /// The family.
        name: String,
    },
    /// A sample has a name that the type of its family does not have.
    #[error("{sample:?} is no sample of a {kind}")]
    NotOfKind {
        /// The sample's name.
        sample: String,
        /// The family's kind.
        kind: Kind,
    },
    /// Two families have a name in common, or in OpenMetrics one comes in two pieces.
    #[error("name {0:?} belongs to two families")]
    Clash(String),
    /// The samples of a series are not next to each other.
    #[error("the samples of a series of {0} are not in one piece")]
    Interleaved(String),
    /// A sample is given twice.
    #[error("{0} is given more than once")]
    Duplicate(String),
    /// A family or a series breaks a rule of its kind.
    #[error("{what}: {problem}")]
    Invalid {
        /// The family or series.
        what: String,
        /// The rule.
        problem: &'static str,
    },
}

impl Reason {
    /// How many characters an error quotes from the input.
    const QUOTED_MAX: usize = 40;

    pub(super) fn at(self, line: usize) -> ParseError {
        ParseError { line, reason: self }
    }

    pub(super) fn syntax(expected: &'static str, found: &str) -> Self {
        Reason::Syntax {
            expected,
            found: found.chars().take(Self::QUOTED_MAX).collect(),
        }
    }

    pub(super) fn invalid(what: &dyn ToString, problem: &'static str) -> Self {
        Reason::Invalid {
            what: what.to_string(),
            problem,
        }
    }
}
