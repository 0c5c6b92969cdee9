//! Prints what a record costs and how fast records are stored and reported. All parts, or those that are named, each with how
//! many records it has, if not so many as by default:
//!
//! ```sh
//! cargo bench -p nexus-usage-log
//! cargo bench -p nexus-usage-log -- hot
//! cargo bench -p nexus-usage-log -- outage 36000000                       # an hour at 10 000 a second
//! cargo bench -p nexus-usage-log -- sqlite 100000000                      # some 20 GB in TMPDIR
//! cargo bench -p nexus-usage-log --features postgres -- postgres 1000000  # a server of its own, from PATH
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    unreachable_pub,
    reason = "a program that prints figures"
)]

mod hot;
mod outage;
mod postgres;
mod sqlite;
mod traffic;

/// What can be measured alone.
#[derive(Clone, Copy)]
enum Part {
    Hot,
    Outage,
    Sqlite,
    Postgres,
}

impl Part {
    const ALL: [Part; 4] = [Self::Hot, Self::Outage, Self::Sqlite, Self::Postgres];

    fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Outage => "outage",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    fn run(self, records: Option<usize>) {
        match self {
            Self::Hot => hot::run(records.unwrap_or(400_000)),
            Self::Outage => outage::run(records.unwrap_or(1_000_000)),
            Self::Sqlite => sqlite::run(records.unwrap_or(1_000_000)),
            Self::Postgres => postgres::run(records.unwrap_or(200_000)),
        }
    }
}

/// The parts that are asked for, in order; none if something else is.
fn asked(arguments: impl Iterator<Item = String>) -> Option<Vec<(Part, Option<usize>)>> {
    let mut asked: Vec<(Part, Option<usize>)> = Vec::new();
    // Cargo adds `--bench`.
    for argument in arguments.filter(|argument| argument != "--bench") {
        if let Some(part) = Part::ALL.into_iter().find(|part| part.name() == argument) {
            asked.push((part, None));
        } else {
            let count = argument.parse::<usize>().ok().filter(|count| *count > 0)?;
            let (_, records @ None) = asked.last_mut()? else {
                return None;
            };
            *records = Some(count);
        }
    }
    Some(asked)
}

fn main() {
    let Some(mut asked) = asked(std::env::args().skip(1)) else {
        let names = Part::ALL.map(Part::name).join(" | ");
        eprintln!("say what to measure, each with how many records if you like: [{names}] [COUNT] …");
        std::process::exit(64);
    };
    if asked.is_empty() {
        asked = Part::ALL.map(|part| (part, None)).to_vec();
    }
    asked.into_iter().for_each(|(part, records)| part.run(records));
}
