//! wrk, for how much a server can do in a closed loop: it costs less beside the server than any client of ours.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};

use crate::{client::Endpoint, series};

/// What wrk saw.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Requests answered.
    pub requests: u64,
    /// The same a second.
    pub per_second: f64,
    /// The 99th percentile of the latency, from sending on.
    pub p99: Duration,
}

/// Connections, all busy: what wrk leaves under way at its end is at most one request on each.
pub const CONNECTIONS: u64 = 64;

/// Increments series chosen at random of so many.
///
/// # Errors
/// wrk is missing, or a request is not answered with success.
pub fn increments(endpoint: &Endpoint, series_count: u64, duration: Duration, place: &Path) -> Result<Seen> {
    let script = place.join("wrk.lua");
    std::fs::write(&script, lua(endpoint, series_count))?;
    let output = Command::new("wrk")
        .args(["-t2", "--latency"])
        .arg(format!("-c{CONNECTIONS}"))
        .arg(format!("-d{}s", duration.as_secs().max(1)))
        .arg("-s")
        .arg(&script)
        .arg(endpoint.url())
        .output()
        .context("cannot run wrk (on Debian: apt-get install wrk)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && !text.contains("Non-2xx") && !text.contains("Socket errors"),
        "wrk failed: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(name))
            .map(str::trim)
    };
    let requests = text.lines().find_map(|line| line.trim().split_once(" requests in "));
    Ok(Seen {
        requests: requests.context("wrk says no count")?.0.parse()?,
        per_second: field("Requests/sec:").context("wrk says no rate")?.parse()?,
        p99: duration_of(field("99%").context("wrk says no latency")?)?,
    })
}

/// A script with the parts of [`series::increment`] put together from a random number.
fn lua(endpoint: &Endpoint, series_count: u64) -> String {
    let key = endpoint.key.as_deref().unwrap_or_default();
    format!(
        r#"wrk.method = "PUT"
wrk.headers["Authorization"] = "Bearer {key}"
local random, format, floor = math.random, string.format, math.floor
function init() math.randomseed(tonumber(tostring({{}}):sub(8))) end
function request()
  local number = random(0, {last})
  local host = floor(number / 10)
  return wrk.format(nil, format("/{family}/inc?host=h%06d&job=j%02d&zone=z%d", host, host % 100, number % 10))
end
"#,
        family = series::FAMILY,
        last = series_count.saturating_sub(1),
    )
}

fn duration_of(text: &str) -> Result<Duration> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "us" => Duration::from_micros(1),
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        other => anyhow::bail!("{other:?} is no unit of time"),
    };
    Ok(unit.mul_f64(number.parse()?))
}
