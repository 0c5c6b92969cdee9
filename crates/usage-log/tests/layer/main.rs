//! The layer in a real server, asked by real clients. One binary, for link time.

mod harness;

mod alone;
mod served;
