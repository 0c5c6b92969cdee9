//! x
mod serve;
mod shutdown;
mod tls;
