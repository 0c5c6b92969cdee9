//! How bodies that are no list of changes are refused.

use super::parse::{BadItem, BatchError};
use crate::http::{ItemProblem, Problem};

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        let detail = error.to_string();
        let item = |BadItem { index, reason }| ItemProblem::new(index, "bad-item", reason);
        match error {
            BatchError::TooMany { .. } => Problem::too_many("too-many-changes", detail),
            BatchError::Malformed(bad) => {
                let detail = "the body cannot be read beyond one of its items; nothing was changed";
                Problem::bad("bad-item", detail).naming(std::iter::once(item(bad)))
            }
            BatchError::Items(items) => {
                let detail = format!("{detail}; nothing was changed");
                Problem::bad("bad-item", detail).naming(items.into_iter().map(item))
            }
        }
    }
}
