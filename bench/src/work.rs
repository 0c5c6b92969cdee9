//! What is measured: one file per work, each on servers of its own.

mod batch;
mod compression;
mod floor;
mod growth;
mod idle;
mod increments;
mod memory;
mod scrape;
mod snapshot;
mod start;
mod under_load;

use anyhow::Result;

use crate::run::Run;

/// Something that can be measured by itself.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Does it, and adds its rows.
    pub run: fn(&mut Run) -> Result<()>,
}

/// All of them, in the order of the table.
pub const ALL: [Work; 10] = [
    Work {
        name: "increments",
        run: increments::run,
    },
    Work {
        name: "batch",
        run: batch::run,
    },
    Work {
        name: "scrape",
        run: scrape::run,
    },
    Work {
        name: "compression",
        run: compression::run,
    },
    Work {
        name: "memory",
        run: memory::run,
    },
    Work {
        name: "start",
        run: start::run,
    },
    Work {
        name: "snapshot",
        run: snapshot::run,
    },
    Work {
        name: "under-load",
        run: under_load::run,
    },
    Work {
        name: "idle",
        run: idle::run,
    },
    Work {
        name: "growth",
        run: growth::run,
    },
];

/// A number of series as it is spoken.
fn spoken(series: u64) -> String {
    match series {
        million if million % 1_000_000 == 0 => format!("{} M", million / 1_000_000),
        thousand if thousand % 1_000 == 0 => format!("{} k", thousand / 1_000),
        other => other.to_string(),
    }
}
