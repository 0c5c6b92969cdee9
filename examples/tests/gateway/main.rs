//! The example `gateway` as a real program: before a real service, asked by curl. `cargo test -p nexus-examples` builds it first; with
//! `--test gateway` alone it is the one that was built last.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, says what it skips, and waits for real programs"
)]

mod accounting;
mod curl;
mod limits;
mod passing;
mod process;
mod upstream;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use nexus_usage_log::{Query, Report, Reports};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether what the tests need is there. Where it is not, that is said loudly, or, under `NEXUS_TEST_STRICT`, fails.
fn is_ready() -> bool {
    let what = match (curl::is_there(), process::program().is_file()) {
        (true, true) => return true,
        (false, _) => "curl",
        (true, false) => "the example: cargo build -p nexus-examples --example gateway",
    };
    assert!(
        std::env::var_os("NEXUS_TEST_STRICT").is_none(),
        "this test needs {what}"
    );
    eprintln!("SKIPPED, nothing was tested: this needs {what}");
    false
}

/// Asks again until there is an answer.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the usage log in this state directory says, by these columns.
fn report(state: &Path, group_by: &[&str], filters: &[&str]) -> Report {
    let query = Query {
        group_by: group_by.iter().map(|column| column.parse().unwrap()).collect(),
        filters: filters.iter().map(|filter| filter.parse().unwrap()).collect(),
        ..Query::default()
    };
    Reports::open(state.join("usage-log.db"))
        .unwrap()
        .report(&query)
        .unwrap()
}
