//! A snapshot of everything, and what the writers notice of it.

use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result, ensure};

use super::{spoken, under_load::writes};
use crate::{
    run::Run,
    servers::{HubSettings, Server},
    table::{Goal, Quantity, Row},
};

pub(super) fn run(run: &mut Run) -> Result<()> {
    let series = run.size.series;
    let hub = run.place.hub(&HubSettings {
        durability: "flush",
        tls: false,
        ..HubSettings::new("snapshot")
    })?;
    hub.add_to_each(series)?;
    let [took] = run.in_turns([&mut || take(&hub)])?;
    run.row(
        Row::new(
            format!("snapshot of {} series", spoken(series)),
            Quantity::seconds(took),
        )
        .goal(Goal::AtMost(1.0)),
    );

    let sent = AtomicU64::new(series);
    let [stalled, undisturbed] = run.in_turns([
        &mut || {
            let disturbed = writes(run, &hub, &sent, |over| {
                while !over() {
                    take(&hub)?;
                }
                Ok(())
            })?;
            Ok(disturbed.longest().as_secs_f64())
        },
        &mut || Ok(writes(run, &hub, &sent, |_| Ok(()))?.longest().as_secs_f64()),
    ])?;
    run.row(
        Row::new(
            "longest write beside snapshots, one after the other",
            Quantity::seconds(stalled),
        )
        .beside("undisturbed", undisturbed),
    );
    // What the machine does to a write by itself is no stall of ours.
    run.row(
        Row::new(
            "the same beyond the undisturbed",
            Quantity::seconds((stalled - undisturbed).max(0.0)),
        )
        .goal(Goal::AtMost(0.01)),
    );
    let sent = sent.into_inner();
    hub.must_add_up(sent..=sent, series)
}

/// Asks for a snapshot; how long it took, as the hub says.
pub(super) fn take(hub: &Server) -> Result<f64> {
    let answer = hub.endpoint.ask("POST", "/api/v1/admin/snapshot", "", b"")?;
    let answer: serde_json::Value = serde_json::from_slice(&answer)?;
    let took = answer.get("took_ms").and_then(serde_json::Value::as_f64);
    let took = took.context("the answer to a snapshot says how long it took")?;
    ensure!(took >= 0.0, "a snapshot took {took} ms");
    Ok(took / 1000.0)
}
