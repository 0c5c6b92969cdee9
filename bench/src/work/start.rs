//! Starting: on a snapshot, and on a long journal.

use anyhow::Result;

use super::spoken;
use crate::{
    run::Run,
    servers::HubSettings,
    table::{Goal, Quantity, Row},
};

pub(super) fn run(run: &mut Run) -> Result<()> {
    let series = run.size.series;
    let settings = HubSettings {
        durability: "flush",
        tls: false,
        ..HubSettings::new("start")
    };
    let hub = run.place.hub(&settings)?;
    hub.add_to_each(series)?;
    hub.process.stop()?;
    let mut start = || {
        let hub = run.place.hub(&settings)?;
        let took = hub.started_in.as_secs_f64();
        hub.process.stop()?;
        Ok(took)
    };
    let [from_snapshot] = run.in_turns([&mut start])?;
    run.row(
        Row::new(
            format!("start with {} series", spoken(series)),
            Quantity::seconds(from_snapshot),
        )
        .goal(Goal::AtMost(1.5)),
    );

    let hub = run.place.hub(&settings)?;
    let times = run.size.journal_changes.div_ceil(series);
    for _ in 0..times {
        hub.add_to_each(series)?;
    }
    hub.process.kill()?;
    let hub = run.place.hub(&settings)?;
    let changes = times * series;
    // The start ends with a new snapshot; both are part of what the operator waits for.
    let took = hub.started_in.as_secs_f64();
    hub.must_add_up(series + changes..=series + changes, series)?;
    let what = format!("start on a journal of {} changes behind that snapshot", spoken(changes));
    run.row(Row::new(&what, Quantity::seconds(took)));
    let replay = (took - from_snapshot).max(1e-3);
    run.row(
        Row::new(
            "changes replayed in what that took longer",
            Quantity::per_second(changes as f64 / replay),
        )
        .goal(Goal::AtLeast(5e6)),
    );
    peers(run, series)
}

fn peers(run: &mut Run, series: u64) -> Result<()> {
    if !run.has_peer("prometheus-pushgateway") {
        return Ok(());
    }
    let peer = run.place.pushgateway()?;
    peer.endpoint
        .ask("PUT", "/metrics/job/bench", "", &crate::series::text(0..series, 1))?;
    peer.process.stop()?;
    let peer = run.place.pushgateway()?;
    let ours = run
        .table
        .rows
        .iter()
        .rev()
        .find(|row| row.work.starts_with("start with"));
    let ours = ours.map_or(f64::NAN, |row| row.ours.value);
    run.row(
        Row::new(format!("start with {} series", spoken(series)), Quantity::seconds(ours))
            .beside("pushgateway", peer.started_in.as_secs_f64()),
    );
    Ok(())
}
