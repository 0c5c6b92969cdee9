//! One run: which works, how large, what they add to the table.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::{
    servers::{Place, is_installed},
    table::{Row, Table, median},
    work,
};

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// How often ours and the reference take turns.
    pub rounds: u32,
    /// How long each turn of a load is.
    pub turn: Duration,
    /// What stands for "a million series".
    pub series: u64,
    /// Changes in the journal that is replayed.
    pub journal_changes: u64,
    /// How many writes a second arrive while the hub is disturbed.
    pub rate: u64,
    /// Whether the peers take part.
    pub peers: bool,
    /// Whether the figures can tell if a goal is met.
    pub tells: bool,
    /// Whether growth goes up to five million series.
    pub five_million: bool,
}

impl Size {
    /// What the figures in the README come from.
    #[must_use]
    pub fn full() -> Self {
        Size {
            rounds: 5,
            turn: Duration::from_secs(4),
            series: 1_000_000,
            journal_changes: 10_000_000,
            rate: 20_000,
            peers: true,
            tells: true,
            five_million: false,
        }
    }

    /// Shows that everything runs and adds up; its figures mean little.
    #[must_use]
    pub fn quick() -> Self {
        Size {
            rounds: 1,
            turn: Duration::from_secs(1),
            series: 20_000,
            journal_changes: 100_000,
            rate: 500,
            peers: false,
            tells: false,
            five_million: false,
        }
    }
}

/// What the works share.
#[derive(Debug)]
pub struct Run {
    /// Where programs come from and files go.
    pub place: Place,
    /// How much is done.
    pub size: Size,
    /// What came of it.
    pub table: Table,
    /// Where the plot of the growth goes, if it is wanted.
    pub plot: Option<std::path::PathBuf>,
}

impl Run {
    /// Adds a line. A run that is too small to tell leaves out what is wanted.
    pub fn row(&mut self, row: Row) {
        let goal = row.goal.filter(|_| self.size.tells);
        self.table.rows.push(Row { goal, ..row });
    }

    /// Says that something is left out.
    #[expect(clippy::print_stderr, reason = "what is skipped is skipped loudly")]
    pub fn skip(&mut self, what: impl Into<String>) {
        let what = what.into();
        eprintln!("bench: skipped: {what}");
        self.table.skipped.push(what);
    }

    /// Whether a peer takes part; says so if it cannot.
    pub fn has_peer(&mut self, program: &str) -> bool {
        let installed = is_installed(program);
        if self.size.peers && !installed {
            self.skip(format!(
                "{program} is not installed (on Debian: apt-get install {program})"
            ));
        }
        self.size.peers && installed
    }

    /// Does the works of these names, or all.
    ///
    /// # Errors
    /// A server fails, or its sums are wrong.
    #[expect(clippy::print_stderr, reason = "it takes minutes, and tells where it is")]
    pub fn works(&mut self, names: &[String]) -> Result<()> {
        for work in work::ALL {
            if !names.is_empty() && !names.iter().any(|name| name == work.name) {
                continue;
            }
            eprintln!("bench: {}", work.name);
            let (began, rows) = (Instant::now(), self.table.rows.len());
            (work.run)(self).with_context(|| format!("{} failed", work.name))?;
            for row in self.table.rows.iter().skip(rows) {
                eprintln!("bench:   {}: {}", row.work, row.ours);
            }
            eprintln!("bench: {} took {:.0} s", work.name, began.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Lets these take turns, so that the machine's moods meet all of them; the median of each.
    ///
    /// # Errors
    /// One of them fails.
    pub fn in_turns<const N: usize>(&self, mut turns: [&mut dyn FnMut() -> Result<f64>; N]) -> Result<[f64; N]> {
        let mut found: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
        for _ in 0..self.size.rounds {
            for (turn, found) in turns.iter_mut().zip(&mut found) {
                found.push(turn()?);
            }
        }
        Ok(found.map(median))
    }
}

/// How long it takes, in seconds.
///
/// # Errors
/// It fails.
pub fn time<T>(what: impl FnOnce() -> Result<T>) -> Result<f64> {
    let began = Instant::now();
    what()?;
    Ok(began.elapsed().as_secs_f64())
}
