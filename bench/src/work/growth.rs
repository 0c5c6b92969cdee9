//! The same operations at rising numbers of series: costs per series are to be flat, the start a straight line.

use anyhow::{Context, Result, ensure};

use super::{memory::per_series, scrape::scrape, spoken};
use crate::{
    load::Plan,
    plot::{Line, Plot},
    run::Run,
    series,
    servers::HubSettings,
    table::{Quantity, Row, Unit, median},
};

/// What was found at one number of series.
#[derive(Debug, Clone, Copy)]
struct Found {
    series: u64,
    write_us: f64,
    scrape_us: f64,
    bytes: f64,
    start_s: f64,
}

/// Writes whose cost is measured.
const WRITES_FULL: u64 = 100_000;

pub(super) fn run(run: &mut Run) -> Result<()> {
    let mut counts = vec![1_000, run.size.series / 10, run.size.series];
    if run.size.five_million {
        counts.push(run.size.series * 5);
    }
    let found = counts
        .into_iter()
        .map(|series| at(run, series))
        .collect::<Result<Vec<_>>>()?;
    for found in &found {
        let what = |what| format!("{what}, {} series", spoken(found.series));
        let bytes = Quantity {
            value: found.bytes,
            unit: Unit::BytesPerSeries,
        };
        run.row(Row::new(
            what("growth: processor per single write"),
            Quantity::seconds(found.write_us / 1e6),
        ));
        run.row(Row::new(
            what("growth: a million scraped series"),
            Quantity::seconds(found.scrape_us),
        ));
        run.row(Row::new(what("growth: memory per series beside its text"), bytes));
        run.row(Row::new(what("growth: start"), Quantity::seconds(found.start_s)));
    }
    if let Some(path) = &run.plot {
        std::fs::write(path, plot(&found).to_svg()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn at(run: &Run, series: u64) -> Result<Found> {
    let name = format!("growth-{series}");
    let settings = HubSettings {
        durability: "flush",
        tls: false,
        config: "  series_max: 20_000_000\n",
        ..HubSettings::new(&name)
    };
    let hub = run.place.hub(&settings)?;
    let empty = hub.process.resident()?;
    hub.add_to_each(series)?;
    let bytes = per_series(hub.process.resident()?, empty, series);

    let writes = WRITES_FULL.min(run.size.series);
    let before = hub.process.processor()?;
    let measured = Plan::closed(16, writes).run(&hub.endpoint, |number| {
        let path = series::increment(number * 7919 % series);
        hub.endpoint.request("PUT", &path, "", b"")
    })?;
    ensure!(measured.succeeded == writes, "{} writes were refused", measured.refused);
    let used = hub.process.processor()?.saturating_sub(before);

    // A scrape of few series is mostly the request: take many.
    let scrapes = (1_000_000 / series).clamp(3, 200);
    let took = (0..scrapes)
        .map(|_| scrape(&hub.endpoint, "/__metrics", ""))
        .collect::<Result<Vec<_>>>()?;
    hub.must_add_up(series + writes..=series + writes, series)?;
    hub.process.stop()?;

    let starts = (0..3)
        .map(|_| {
            let hub = run.place.hub(&settings)?;
            let took = hub.started_in.as_secs_f64();
            hub.process.stop().map(|()| took)
        })
        .collect::<Result<Vec<f64>>>()?;
    Ok(Found {
        series,
        write_us: used.as_secs_f64() * 1e6 / writes as f64,
        scrape_us: median(took) * 1e6 / series as f64,
        bytes,
        start_s: median(starts),
    })
}

fn plot(found: &[Found]) -> Plot {
    let line = |name: &str, value: fn(&Found) -> f64| Line {
        name: name.to_owned(),
        points: found.iter().map(|found| (found.series as f64, value(found))).collect(),
    };
    Plot {
        title: "What grows with the number of series".to_owned(),
        x: "series".to_owned(),
        lines: vec![
            line("processor per single write, µs", |found| found.write_us),
            line("scrape per series, µs", |found| found.scrape_us),
            line("memory per series beside its text, bytes", |found| found.bytes),
            line("start, s", |found| found.start_s),
        ],
    }
}
