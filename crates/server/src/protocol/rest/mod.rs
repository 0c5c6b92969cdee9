//! The simple API: one metric, one verb, plain text.
//!
//! | request | file | scope |
//! |---|---|---|
//! | `POST GET PUT DELETE /{metric}`, `PUT /{metric}/{verb}` | `routes` | write, read |

mod error;
pub(crate) mod parse;
mod routes;

use super::Protocol;
use crate::http;

/// Its paths are those of metrics, so it reserves none. What curl says of a body if it is told nothing is taken, too.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "the simple API",
    routes: routes::routes,
    reserved: &[],
    content_types: &[],
    errors: http::by_accept,
};
