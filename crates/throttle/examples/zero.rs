//! cargo run -p nexus-throttle --example zero
//!
//! Reads 200 KiB of zeros at 100 KiB/s: the first 100 KiB are the burst, the others take a second.
#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::{
    fs::File,
    io::{self, Read},
};

use nexus_throttle::{Blocking, Direction, Limiter, Limits, Rate};
use tokio::time::Instant;

fn main() -> io::Result<()> {
    let pool = Limiter::new();
    let limits = Limits::rate(Rate::kib_per_second(100)).with_burst(100 * 1024);
    pool.set_limits(Direction::Read, limits);

    let zero = Blocking::new(File::open("/dev/zero")?, &pool.child());
    let began = Instant::now();
    let bytes = io::copy(&mut zero.take(200 * 1024), &mut io::sink())?;
    println!("{bytes} bytes in {:.3} s", began.elapsed().as_secs_f64());
    Ok(())
}
