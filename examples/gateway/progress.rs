//! What the gateway says of itself: each second on a terminal, and at its end.

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use nexus_throttle::{Direction, Limiter};
use nexus_usage::{Amount, Reading, Totals, Usage};
use serde_json::json;

use crate::account::Account;

/// Prints a line a second while anything moves, if there is a terminal. Ends with the runtime.
pub(crate) async fn each_second(usage: Usage, server: Limiter) {
    if !io::stderr().is_terminal() {
        return;
    }
    let moved = |direction| server.counters(direction).bytes;
    let mut before = (usage.read(), moved(Direction::Read), moved(Direction::Write));
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        let reading = (usage.read(), moved(Direction::Read), moved(Direction::Write));
        let requests = sum(&reading.0.since(&before.0)).api_requests;
        let (bytes_in, bytes_out) = (reading.1 - before.1, reading.2 - before.2);
        let waiting: u64 = Direction::BOTH
            .map(|direction| server.counters(direction).waiting)
            .iter()
            .sum();
        if requests + bytes_in + bytes_out + waiting > 0 {
            let line = format!("{requests} requests  {bytes_in} B in  {bytes_out} B out  {waiting} waiting");
            let _ = writeln!(io::stderr(), "{line}");
        }
        before = reading;
    }
}

/// One line of JSON for each key: what it did since the start.
pub(crate) fn summary(accounts: &[Arc<Account>], out: &mut dyn Write) -> io::Result<()> {
    for account in accounts {
        let [received, sent] = [Direction::Read, Direction::Write].map(|way| account.node.counters(way));
        let line = json!({
            "key": *account.name,
            "received_bytes": received.bytes,
            "sent_bytes": sent.bytes,
            "waits": received.waits + sent.waits,
            "refused": account.usage.refused().api_requests
                + account.usage.refused().ingress_bytes + account.usage.refused().egress_bytes,
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn sum(reading: &Reading) -> Amount {
    let totals = reading.iter().map(|(_, _, totals): (_, _, Totals)| totals.used());
    totals.fold(Amount::ZERO, Amount::plus)
}
