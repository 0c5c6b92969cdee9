//! How requests of the simple API that are no changes are refused.

use super::parse::RestError;
use crate::http::Problem;

impl From<RestError> for Problem {
    fn from(error: RestError) -> Self {
        let slug = match error {
            RestError::NotANumber(_) => "not-a-number",
            RestError::Name(_) | RestError::ReservedPath { .. } => "bad-name",
            RestError::Label(_) | RestError::LabelName(_) => "bad-label",
            _ => "bad-request",
        };
        Problem::bad(slug, error.to_string())
    }
}
