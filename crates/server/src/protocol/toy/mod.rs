//! A protocol of one route, which only tests speak: what a folder and its row in the [table](super::TABLE) bring, and
//! nothing else.
//!
//! | request | file | scope |
//! |---|---|---|
//! | `POST /toy/{counter}` | `routes` | write |

mod error;
mod parse;
mod routes;

use super::Protocol;

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "toys",
    routes: routes::routes,
    reserved: &["toy"],
    content_types: &["application/x-toy"],
    errors: error::FORM,
};
