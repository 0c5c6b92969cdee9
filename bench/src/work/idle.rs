//! A hub that nobody talks to.

use std::time::Duration;

use anyhow::Result;

use crate::{
    run::Run,
    servers::HubSettings,
    table::{Goal, Quantity, Row, Unit},
};

pub(super) fn run(run: &mut Run) -> Result<()> {
    let hub = run.place.hub(&HubSettings::new("idle"))?;
    std::thread::sleep(Duration::from_secs(1));
    let before = hub.process.processor()?;
    let watched = run.size.turn * run.size.rounds;
    std::thread::sleep(watched);
    let used = hub.process.processor()?.saturating_sub(before);
    run.row(Row::new("idle hub, memory", Quantity::bytes(hub.process.resident()? as f64)).goal(Goal::AtMost(20e6)));
    run.row(Row::new(
        "the same without pages of the program itself",
        Quantity::bytes(hub.process.anonymous()? as f64),
    ));
    let cores = Quantity {
        value: used.as_secs_f64() / watched.as_secs_f64(),
        unit: Unit::Cores,
    };
    run.row(Row::new("idle hub, processor", cores).goal(Goal::AtMost(0.002)));
    hub.process.stop()
}
