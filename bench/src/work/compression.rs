//! A compressed scrape, by how much changed since the last one.

use anyhow::{Result, ensure};

use super::{floor, scrape::scrape, spoken};
use crate::{
    client::Keep,
    run::Run,
    series,
    servers::{BATCH, HubSettings, Server},
    table::{Goal, Quantity, Row},
};

const GZIP: &str = "Accept-Encoding: gzip\r\n";

pub(super) fn run(run: &mut Run) -> Result<()> {
    let series = run.size.series;
    let hub = run.place.hub(&HubSettings {
        durability: "flush",
        tls: false,
        ..HubSettings::new("compression")
    })?;
    hub.add_to_each(series)?;
    let mut added = series;
    let file = run.place.directory.join("exposition");
    let bytes = hub.scrape()?;
    std::fs::write(&file, &bytes)?;
    must_be_the_same(&hub, run)?;

    // One in a hundred: those of one worker side by side, or every hundredth.
    let every = |step: u64, of: u64| (0..of).step_by(usize::try_from(step).unwrap_or(1)).collect::<Vec<_>>();
    for (what, changed, most) in [
        ("nothing changed", Vec::new(), None),
        ("1 % changed, side by side", every(1, series / 100), Some(0.1)),
        ("1 % changed, every hundredth", every(100, series), Some(0.1)),
        ("all changed", every(1, series), Some(0.5)),
    ] {
        let [ours, theirs] = run.in_turns([
            &mut || {
                add(&hub, &changed, &mut added)?;
                scrape(&hub.endpoint, "/__metrics", GZIP)
            },
            &mut || floor::gzip(&file),
        ])?;
        let what = format!("gzip scrape of {} series, {what}", spoken(series));
        let row = Row::new(what, Quantity::seconds(ours)).beside("gzip -1", theirs);
        run.row(match most {
            Some(most) => row.goal(Goal::RatioAtMost(most)),
            None => row,
        });
    }
    must_be_the_same(&hub, run)?;
    hub.must_add_up(added..=added, series)
}

fn add(hub: &Server, numbers: &[u64], added: &mut u64) -> Result<()> {
    for numbers in numbers.chunks(usize::try_from(BATCH)?) {
        let body = series::batch(numbers.iter().copied());
        hub.endpoint.ask("POST", "/api/v1/batch", "", &body)?;
        *added += numbers.len() as u64;
    }
    Ok(())
}

/// What `gunzip` makes of a compressed scrape is what an uncompressed one says.
fn must_be_the_same(hub: &Server, run: &Run) -> Result<()> {
    let packed = run.place.directory.join("exposition.gz");
    let mut connection = hub.endpoint.connect()?;
    let answer = connection.exchange(&hub.endpoint.request("GET", "/__metrics", GZIP, b""), Keep::Body)?;
    std::fs::write(&packed, &answer.body)?;
    let output = std::process::Command::new("gzip").args(["-dc"]).arg(&packed).output()?;
    ensure!(output.status.success(), "gunzip does not read the scrape");
    let (found, expected) = (series::sum(&output.stdout), series::sum(&hub.scrape()?));
    ensure!(
        found == expected,
        "compressed, the scrape says {found:?} instead of {expected:?}"
    );
    Ok(())
}
