//! A real NGINX in front of a service and beside a real hub: what it says to the hub in four ways, and what it says itself.
//!
//! `NEXUS_NGINX_REQUESTS` says how many requests a load has: 100 000 for a full run.

mod configuration;
mod example;
mod hub;
mod kills;
mod load;
mod parity;
mod queue;
mod seconds;
mod server;
mod service;
mod wrk;

use std::{env, time::Duration};

use super::programs::{DEADLINE, require, until_within};

/// Where Debian has NGINX's modules.
const MODULES: &str = "/usr/lib/nginx/modules";

/// The Lua module and the example.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/nginx");

fn requests() -> u64 {
    env::var("NEXUS_NGINX_REQUESTS").map_or(3_000, |count| count.parse().unwrap())
}

/// Whether NGINX, its Lua module and these programs are there, as [`require`] says.
#[must_use]
fn has_nginx(programs: &[&str]) -> bool {
    // Named by its whole path, it is found wherever the programs are looked for.
    let module = format!("{MODULES}/ngx_http_lua_module.so");
    require(&[&["nginx", "curl", &module], programs].concat())
}

/// Looks again and again until it is so; what is not yet so is the error. The deadline is generous by the size of the load.
async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let load = Duration::from_millis(requests());
    until_within(what, DEADLINE + load, ask).await
}

/// For [`eventually`].
fn so(is_so: bool, but: impl std::fmt::Debug) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(format!("{but:?}")) }
}
