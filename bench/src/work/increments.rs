//! Single increments: what a request costs, beside what the framework costs.

use anyhow::{Result, ensure};

use super::spoken;
use crate::{
    load::{Measured, Plan},
    run::Run,
    series,
    servers::{HubSettings, Server},
    table::{Goal, Quantity, Row},
    wrk,
};

/// A hub that does not write down who asked for what.
const NO_USAGE_LOG: &str = "usage_log:\n  enabled: false\n";

pub(super) fn run(run: &mut Run) -> Result<()> {
    for series in [1_000, run.size.series] {
        over_tls(run, series)?;
    }
    plain(run)
}

fn over_tls(run: &mut Run, series: u64) -> Result<()> {
    let hub = |durability, config| {
        let name = format!("{durability}-{series}-{}", config == NO_USAGE_LOG);
        Counted::hub(run, &name, durability, true, series, config)
    };
    let mut flush = hub("flush", "")?;
    let mut sync = hub("sync", "")?;
    let mut unlogged = hub("flush", NO_USAGE_LOG)?;
    let mut bare = Counted::new(run.place.bare(series, true)?, series, 0);
    let [f, s, u, b] = run.in_turns([
        &mut || flush.throughput(run),
        &mut || sync.throughput(run),
        &mut || unlogged.throughput(run),
        &mut || bare.throughput(run),
    ])?;
    let what = |durability| {
        format!(
            "increment, TLS, 64 connections, {} series, {durability}",
            spoken(series)
        )
    };
    let row = |what, ours| {
        Row::new(what, Quantity::per_second(ours))
            .beside("bare axum", b)
            .goal(Goal::RatioAtLeast(0.85))
    };
    run.row(row(what("flush"), f));
    run.row(row(what("sync"), s));
    run.row(row(what("flush, no usage log"), u));

    let rate = run.size.rate / 2;
    let [f, s, b] = run.in_turns([
        &mut || Ok(flush.paced(run, rate)?.quantile(0.99).as_secs_f64()),
        &mut || Ok(sync.paced(run, rate)?.quantile(0.99).as_secs_f64()),
        &mut || Ok(bare.paced(run, rate)?.quantile(0.99).as_secs_f64()),
    ])?;
    for (durability, p99) in [("flush", f), ("sync", s)] {
        let what = format!("p99 of the same at {}/s, {durability}", spoken(rate));
        run.row(
            Row::new(what, Quantity::seconds(p99))
                .beside("bare axum", b)
                .goal(Goal::RatioAtMost(2.0)),
        );
    }
    flush.must_add_up()?;
    sync.must_add_up()?;
    unlogged.must_add_up()?;
    bare.must_add_up_bare()
}

fn plain(run: &mut Run) -> Result<()> {
    let series = 1_000;
    let mut hub = Counted::hub(run, "flush-plain", "flush", false, series, "")?;
    let mut bare = Counted::new(run.place.bare(series, false)?, series, 0);
    let [h, b] = run.in_turns([&mut || hub.throughput(run), &mut || bare.throughput(run)])?;
    run.row(
        Row::new(
            "increment, plain HTTP, 64 connections, 1 k series, flush",
            Quantity::per_second(h),
        )
        .beside("bare axum", b),
    );
    hub.must_add_up()?;
    bare.must_add_up_bare()
}

/// A server, and what its counters must add up to.
struct Counted {
    server: Server,
    series: u64,
    /// Increments that were answered.
    answered: u64,
    /// Increments that may have been under way when a load ended.
    under_way_max: u64,
}

impl Counted {
    fn new(server: Server, series: u64, answered: u64) -> Self {
        Counted {
            server,
            series,
            answered,
            under_way_max: 0,
        }
    }

    fn hub(run: &Run, name: &str, durability: &str, tls: bool, series: u64, config: &str) -> Result<Self> {
        let server = run.place.hub(&HubSettings {
            durability,
            tls,
            config,
            ..HubSettings::new(name)
        })?;
        server.add_to_each(series)?;
        Ok(Counted::new(server, series, series))
    }

    fn throughput(&mut self, run: &Run) -> Result<f64> {
        let seen = wrk::increments(&self.server.endpoint, self.series, run.size.turn, &run.place.directory)?;
        self.answered += seen.requests;
        self.under_way_max += wrk::CONNECTIONS;
        Ok(seen.per_second)
    }

    fn paced(&mut self, run: &Run, rate: u64) -> Result<Measured> {
        let endpoint = &self.server.endpoint;
        let measured = Plan::open(rate, run.size.turn).run(endpoint, |number| {
            // A step that has no divisor with the number of series meets all of them, far apart.
            endpoint.request("PUT", &series::increment(number * 7919 % self.series), "", b"")
        })?;
        ensure!(measured.refused == 0, "{} increments were refused", measured.refused);
        self.answered += measured.succeeded;
        Ok(measured)
    }

    /// wrk breaks off at its end: a request on each connection may be counted by the server only.
    fn must_add_up(&self) -> Result<()> {
        let sums = self.answered..=self.answered + self.under_way_max;
        self.server.must_add_up(sums, self.series)
    }

    fn must_add_up_bare(&self) -> Result<()> {
        let sum: u64 = String::from_utf8(self.server.endpoint.ask("GET", "/sum", "", b"")?)?.parse()?;
        let sums = self.answered..=self.answered + self.under_way_max;
        ensure!(sums.contains(&sum), "the reference counted {sum}, expected {sums:?}");
        Ok(())
    }
}
