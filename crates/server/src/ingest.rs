//! From what clients send to [`Write`](crate::write::Write)s: one file per protocol, each pure, bytes in and changes out.

pub(crate) mod batch;
pub(crate) mod rest;
