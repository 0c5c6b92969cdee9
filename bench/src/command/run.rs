//! Measures the hub beside the limit and its peers, and prints one table.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{
    run::{Run, Size},
    servers::Place,
    table::Table,
    work,
};

/// Measures the hub beside the limit and beside its peers. Every sum is read back after its load.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to measure; all of it if nothing is named.
    works: Vec<String>,
    /// Small and short, without peers: shows that it runs and adds up.
    #[arg(long)]
    quick: bool,
    /// Write the table as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the plot of the growth.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Measure growth up to five million series.
    #[arg(long)]
    five_million: bool,
    /// How often ours and the reference take turns.
    #[arg(long)]
    rounds: Option<u32>,
}

/// Measures, prints the table, writes what was asked for.
///
/// # Errors
/// A server fails, or its sums are wrong.
#[expect(clippy::print_stdout, reason = "it prints a table")]
pub fn run(arguments: Arguments) -> Result<()> {
    for name in &arguments.works {
        let known = work::ALL.map(|work| work.name);
        ensure!(
            known.contains(&name.as_str()),
            "there is no {name}: {}",
            known.join(", ")
        );
    }
    let mut size = if arguments.quick { Size::quick() } else { Size::full() };
    size.five_million = arguments.five_million;
    size.rounds = arguments.rounds.unwrap_or(size.rounds);
    ensure!(size.rounds > 0, "a measurement takes a round");
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let program = std::env::current_exe()?;
    let mut run = Run {
        place: Place {
            programs: program.parent().context("a program lies in a directory")?.to_owned(),
            directory: directory.path().to_owned(),
        },
        size,
        table: Table {
            title: title(arguments.quick),
            rows: Vec::new(),
            skipped: Vec::new(),
        },
        plot: arguments.plot,
    };
    run.works(&arguments.works)?;
    println!("{}", run.table);
    if let Some(file) = arguments.json {
        std::fs::write(&file, serde_json::to_string_pretty(&run.table)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn title(quick: bool) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut title = format!(
        "Metric Nexus {}, {cores} cores, load on the same cores",
        env!("CARGO_PKG_VERSION")
    );
    // On Linux; who else had the processor explains much.
    if let Some((load, _)) = std::fs::read_to_string("/proc/loadavg")
        .ok()
        .as_deref()
        .and_then(|text| text.split_once(' '))
    {
        title.push_str(&format!(", load average before it {load}"));
    }
    if cfg!(debug_assertions) {
        title.push_str("; DEVELOPMENT BUILD: the figures mean nothing");
    }
    if quick {
        title.push_str("; QUICK: it runs and adds up, the figures mean little");
    }
    title
}
