//! Every refusal is a cross and a reason.

use super::parse::ToyError;
use crate::http::{ErrorForm, Problem};

pub(super) const FORM: ErrorForm = |_| |problem| ("application/x-toy", format!("x {}", problem.detail()).into_bytes());

impl From<ToyError> for Problem {
    fn from(error: ToyError) -> Self {
        Problem::bad("bad-toy", error.to_string())
    }
}
