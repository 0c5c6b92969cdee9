//! A scrape of everything, beside the same bytes through a socket.

use anyhow::{Result, ensure};

use super::{floor, spoken};
use crate::{
    client::{Endpoint, Keep},
    run::{Run, time},
    series,
    servers::HubSettings,
    table::{Goal, Quantity, Row},
};

pub(super) fn run(run: &mut Run) -> Result<()> {
    let series = run.size.series;
    let hub = run.place.hub(&HubSettings {
        tls: false,
        ..HubSettings::new("scrape")
    })?;
    hub.add_to_each(series)?;
    let bytes = hub.scrape()?;
    let mut copy = vec![1; bytes.len()];
    let [ours, socket, memory] = run.in_turns([
        &mut || scrape(&hub.endpoint, "/__metrics", ""),
        &mut || floor::loopback(&bytes),
        &mut || floor::copy(&bytes, &mut copy),
    ])?;
    let what = format!(
        "scrape of {} series, {:.0} MB, plain",
        spoken(series),
        bytes.len() as f64 / 1e6
    );
    run.row(
        Row::new(&what, Quantity::seconds(ours))
            .beside("loopback socket", socket)
            .goal(Goal::RatioAtMost(3.0)),
    );
    run.row(Row::new("the same", Quantity::seconds(ours)).beside("memcpy", memory));
    drop(copy);
    hub.must_add_up(series..=series, series)?;
    if run.has_peer("prometheus-pushgateway") {
        let peer = run.place.pushgateway()?;
        // It takes a while with everything in one group, as it does with many.
        peer.endpoint
            .ask("PUT", "/metrics/job/bench", "", &series::text(0..series, 1))?;
        let [ours, theirs] = run.in_turns([&mut || scrape(&hub.endpoint, "/__metrics", ""), &mut || {
            scrape(&peer.endpoint, "/metrics", "")
        }])?;
        run.row(
            Row::new("the same", Quantity::seconds(ours))
                .beside("pushgateway", theirs)
                .goal(Goal::RatioAtMost(1.0 / 15.0)),
        );
        let gzip = "Accept-Encoding: gzip\r\n";
        let [ours, theirs] = run.in_turns([&mut || scrape(&hub.endpoint, "/__metrics", gzip), &mut || {
            scrape(&peer.endpoint, "/metrics", gzip)
        }])?;
        run.row(Row::new("the same, gzip, nothing changed", Quantity::seconds(ours)).beside("pushgateway", theirs));
    }
    if run.has_peer("victoria-metrics") {
        let peer = run.place.victoria_metrics()?;
        for first in (0..series).step_by(100_000) {
            let text = series::text(first..series.min(first + 100_000), 1);
            peer.endpoint.ask("POST", "/api/v1/import/prometheus", "", &text)?;
        }
        peer.endpoint.ask("GET", "/internal/force_flush", "", b"")?;
        let federate = "/federate?match[]=bench_requests_total";
        let [ours, theirs] = run.in_turns([&mut || scrape(&hub.endpoint, "/__metrics", ""), &mut || {
            scrape(&peer.endpoint, federate, "")
        }])?;
        run.row(Row::new("the same", Quantity::seconds(ours)).beside("VictoriaMetrics federate", theirs));
    }
    Ok(())
}

/// A whole scrape over a new connection; its body is read and forgotten.
pub(super) fn scrape(endpoint: &Endpoint, path: &str, headers: &str) -> Result<f64> {
    let request = endpoint.request("GET", path, headers, b"");
    let mut connection = endpoint.connect()?;
    time(|| {
        let answer = connection.exchange(&request, Keep::Nothing)?;
        ensure!(answer.is_success(), "the scrape was answered {}", answer.status);
        Ok(())
    })
}
