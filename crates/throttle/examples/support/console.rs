//! What an operator types, and what is shown of running transfers.

use std::{collections::HashMap, time::Duration};

use nexus_throttle::{Direction, Limiter, Limits, Rate};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::{Instant, MissedTickBehavior, interval},
};

pub(crate) const HELP: &str =
    "type `server RATE` or `connection RATE` to change a limit (256KiB, 25MB, 0 for none), `show` to see them";

/// Sets this ceiling in both directions.
pub(crate) fn limit_server(server: &Limiter, rate: Rate) {
    for direction in Direction::BOTH {
        server.set_limits(direction, Limits::rate(rate));
    }
}

/// Sets this ceiling in both directions, for each connection that there is and each to come.
pub(crate) fn limit_connections(server: &Limiter, rate: Rate) {
    for direction in Direction::BOTH {
        server.set_child_limits(direction, Limits::rate(rate));
    }
}

/// Obeys standard input until it ends.
pub(crate) async fn obey(server: Limiter) -> std::io::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match command(&server, &line) {
            Ok(()) => println!("{}", shown(&server)),
            Err(complaint) => println!("{complaint}"),
        }
    }
    Ok(())
}

fn command(server: &Limiter, line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [] | ["show"] => {}
        ["server", rate] => limit_server(server, parse(rate)?),
        ["connection", rate] => limit_connections(server, parse(rate)?),
        _ => return Err(HELP.to_owned()),
    }
    Ok(())
}

fn parse(rate: &str) -> Result<Rate, String> {
    rate.parse()
        .map_err(|error: nexus_throttle::ParseRateError| error.to_string())
}

fn shown(server: &Limiter) -> String {
    let (all, each) = (
        server.limits(Direction::Write).rate,
        server.child_limits(Direction::Write).rate,
    );
    format!(
        "server {all}, connection {each}, {} connections",
        server.children().count()
    )
}

/// Shows every second what moved, for as long as anything does.
pub(crate) async fn show_progress(server: Limiter) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before: HashMap<String, u64> = HashMap::new();
    let mut last = Instant::now();
    loop {
        let seconds = ticks.tick().await.duration_since(last).as_secs_f64();
        last = Instant::now();
        let mut now = HashMap::new();
        for connection in server.named() {
            let name = connection.name().unwrap_or_default().to_owned();
            let bytes: u64 = Direction::BOTH
                .map(|direction| connection.counters(direction).bytes)
                .iter()
                .sum();
            let moved = bytes.saturating_sub(before.get(&name).copied().unwrap_or(0));
            if moved > 0 && seconds > 0.0 {
                let waited = connection.counters(Direction::Write).waited.as_secs_f64();
                println!(
                    "{name:>21}  {:>12} KiB  {:>10.1} KiB/s  waited {waited:.1} s",
                    bytes / 1024,
                    moved as f64 / 1024.0 / seconds,
                );
            }
            now.insert(name, bytes);
        }
        before = now;
    }
}
