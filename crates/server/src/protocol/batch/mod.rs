//! Many changes in one request, as JSON.
//!
//! | request | file | scope |
//! |---|---|---|
//! | `POST /api/v1/batch` | `routes` | write |

mod error;
pub(crate) mod parse;
mod routes;

use super::Protocol;
use crate::http;

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "batches",
    routes: routes::routes,
    reserved: &["api"],
    content_types: &[],
    errors: http::by_accept,
};
