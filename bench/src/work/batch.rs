//! Batches of known series: what a sample costs when the request around it does not count.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{
    client::Keep,
    load::Plan,
    run::{Run, time},
    series,
    servers::{BATCH, HubSettings, Server},
    table::{Goal, Quantity, Row},
};

/// Many bodies, so that not the same series are always in the processor's caches.
const BODIES: u64 = 10;

pub(super) fn run(run: &mut Run) -> Result<()> {
    let hub = run.place.hub(&HubSettings {
        durability: "flush",
        tls: false,
        ..HubSettings::new("batch")
    })?;
    let series = BATCH * BODIES;
    hub.add_to_each(series)?;
    let mut sent = series;
    per_core(run, &hub, series, &mut sent)?;
    one_push(run, &hub, &mut sent)?;
    hub.must_add_up(sent..=sent, series)?;
    run.skip("batches in the text format: the hub has no endpoint that takes them");
    Ok(())
}

/// As fast as two connections go; the time is the processor's, of all of the hub's threads.
fn per_core(run: &mut Run, hub: &Server, series: u64, sent: &mut u64) -> Result<()> {
    let bodies: Vec<Vec<u8>> = (0..series)
        .step_by(usize::try_from(BATCH)?)
        .map(|first| {
            let body = series::batch(first..first + BATCH);
            hub.endpoint.request("POST", "/api/v1/batch", "", &body)
        })
        .collect();
    let plan = Plan {
        duration: run.size.turn,
        ..Plan::closed(2, u64::MAX)
    };
    let mut wall = 0.0;
    let [rate] = run.in_turns([&mut || {
        let before = hub.process.processor()?;
        let measured = plan.run(&hub.endpoint, |number| {
            let body = usize::try_from(number % BODIES).unwrap_or_default();
            bodies.get(body).map(Vec::as_slice).unwrap_or_default()
        })?;
        ensure!(measured.refused == 0 && measured.succeeded > 0, "batches were refused");
        let samples = measured.succeeded * BATCH;
        *sent += samples;
        wall = samples as f64 / measured.took.as_secs_f64();
        let used = hub
            .process
            .processor()?
            .saturating_sub(before)
            .max(Duration::from_millis(1));
        Ok(samples as f64 / used.as_secs_f64())
    }])?;
    run.row(
        Row::new(
            "batch, JSON, known series, journal on: samples per core of the hub",
            Quantity::per_second(rate),
        )
        .goal(Goal::AtLeast(2e6)),
    );
    run.row(Row::new(
        "the same, samples by the clock, load beside it",
        Quantity::per_second(wall),
    ));
    Ok(())
}

/// One body of 10 000 series, pushed to each in turn.
fn one_push(run: &mut Run, hub: &Server, sent: &mut u64) -> Result<()> {
    let request = hub
        .endpoint
        .request("POST", "/api/v1/batch", "", &series::batch(0..BATCH));
    let mut connection = hub.endpoint.connect()?;
    let mut push = || {
        *sent += BATCH;
        time(|| {
            let answer = connection.exchange(&request, Keep::Body)?;
            ensure!(answer.is_success(), "a batch was answered {}", answer.status);
            Ok(())
        })
    };
    let text = series::text(0..BATCH, 1);
    let what = "push of 10 k known series in one body";
    if run.has_peer("prometheus-pushgateway") {
        let peer = run.place.pushgateway()?;
        let path = "/metrics/job/bench";
        let mut put = || time(|| peer.endpoint.ask("PUT", path, "", &text));
        put()?;
        let [ours, theirs] = run.in_turns([&mut push, &mut put])?;
        run.row(
            Row::new(what, Quantity::seconds(ours))
                .beside("pushgateway", theirs)
                .goal(Goal::RatioAtMost(0.05)),
        );
    }
    if run.has_peer("victoria-metrics") {
        let peer = run.place.victoria_metrics()?;
        let mut import = || time(|| peer.endpoint.ask("POST", "/api/v1/import/prometheus", "", &text));
        import()?;
        let [ours, theirs] = run.in_turns([&mut push, &mut import])?;
        run.row(
            Row::new(what, Quantity::seconds(ours))
                .beside("VictoriaMetrics (not on disk)", theirs)
                .goal(Goal::RatioAtMost(1.0)),
        );
    }
    if !run.size.peers {
        let [ours] = run.in_turns([&mut push])?;
        run.row(Row::new(what, Quantity::seconds(ours)));
    }
    Ok(())
}
