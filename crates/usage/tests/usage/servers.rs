//! Redis servers, started by the tests on loopback and ended with them.

pub(crate) mod redis;
