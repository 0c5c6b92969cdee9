//! Memory: per series, and what a scrape adds.

use anyhow::Result;

use super::{scrape::scrape, spoken};
use crate::{
    run::Run,
    series,
    servers::{HubSettings, Server},
    table::{Goal, Quantity, Row, Unit},
};

pub(super) fn run(run: &mut Run) -> Result<()> {
    let series = run.size.series;
    let settings = HubSettings {
        tls: false,
        ..HubSettings::new("memory")
    };
    let hub = run.place.hub(&settings)?;
    let empty = hub.process.resident()?;
    hub.add_to_each(series)?;
    let full = hub.process.resident()?;
    run.row(
        Row::new(
            format!(
                "memory per series beside its text, {} series, filled by batches",
                spoken(series)
            ),
            Quantity {
                value: per_series(full, empty, series),
                unit: Unit::BytesPerSeries,
            },
        )
        .goal(Goal::AtMost(200.0)),
    );
    for (what, headers) in [("", ""), (", gzip", "Accept-Encoding: gzip\r\n")] {
        let before = hub.process.resident()?;
        hub.process.forget_peak()?;
        for _ in 0..3 {
            scrape(&hub.endpoint, "/__metrics", headers)?;
        }
        let added = hub.process.peak()?.saturating_sub(before);
        run.row(
            Row::new(
                format!("memory that a scrape of {} series adds{what}", spoken(series)),
                Quantity::bytes(added as f64),
            )
            .goal(Goal::AtMost(16.0 * 1024.0 * 1024.0)),
        );
    }
    hub.must_add_up(series..=series, series)?;
    let ours = hub.process.resident()?;
    drop(hub);
    beside_peers(run, series, ours)
}

fn beside_peers(run: &mut Run, series: u64, ours: u64) -> Result<()> {
    let what = format!("memory in all with {} series, after scrapes", spoken(series));
    let row = |peer: &Server, name| -> Result<Row> {
        let theirs = peer.process.resident()?;
        Ok(Row::new(&what, Quantity::bytes(ours as f64)).beside(name, theirs as f64))
    };
    if run.has_peer("prometheus-pushgateway") {
        let peer = run.place.pushgateway()?;
        peer.endpoint
            .ask("PUT", "/metrics/job/bench", "", &series::text(0..series, 1))?;
        scrape(&peer.endpoint, "/metrics", "")?;
        let row = row(&peer, "pushgateway")?;
        run.row(row);
    }
    if run.has_peer("victoria-metrics") {
        let peer = run.place.victoria_metrics()?;
        for first in (0..series).step_by(100_000) {
            let text = series::text(first..series.min(first + 100_000), 1);
            peer.endpoint.ask("POST", "/api/v1/import/prometheus", "", &text)?;
        }
        peer.endpoint.ask("GET", "/internal/force_flush", "", b"")?;
        scrape(&peer.endpoint, "/federate?match[]=bench_requests_total", "")?;
        let row = row(&peer, "VictoriaMetrics")?;
        run.row(row);
    }
    Ok(())
}

/// What a hub holds for a series beyond what it holds empty, and beyond the series' text.
pub(super) fn per_series(full: u64, empty: u64, series: u64) -> f64 {
    full.saturating_sub(empty).saturating_sub(series::label_bytes(series)) as f64 / series as f64
}
