//! What this process takes of the machine, as Linux tells it in `/proc` (the seven metrics that every Prometheus client has),
//! and how many files it may have open.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::own_metrics::{OwnFamily, counter, gauge, whole};

/// None where there is no `/proc`.
pub(super) fn families() -> Vec<OwnFamily> {
    let Some(stat) = fs::read_to_string("/proc/self/stat")
        .ok()
        .as_deref()
        .and_then(Stat::read)
    else {
        return Vec::new();
    };
    let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
    let page = rustix::param::page_size() as u64;
    let began = boot_seconds().unwrap_or(0) + stat.began_ticks / ticks_per_second;
    let number = |name: &str, help: &str, value: u64| gauge(name, help, &[], whole(value));
    vec![
        counter(
            "metric_nexus_process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            stat.processor_ticks / ticks_per_second,
        ),
        number(
            "metric_nexus_process_max_fds",
            "Maximum number of open file descriptors.",
            files_max().unwrap_or(0),
        ),
        number(
            "metric_nexus_process_open_fds",
            "Number of open file descriptors.",
            files_open().unwrap_or(0),
        ),
        number(
            "metric_nexus_process_resident_memory_bytes",
            "Resident memory size in bytes.",
            stat.resident_pages.saturating_mul(page),
        ),
        number(
            "metric_nexus_process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            began,
        ),
        number(
            "metric_nexus_process_threads",
            "Number of OS threads in the process.",
            stat.threads,
        ),
        number(
            "metric_nexus_process_virtual_memory_bytes",
            "Virtual memory size in bytes.",
            stat.virtual_bytes,
        ),
    ]
}

/// Descriptors that connections leave to the journal, snapshots, sinks and whatever else must go on.
const FILES_RESERVED: u64 = 256;

/// How many connections there may be: as many as are wanted, if the limit on open files leaves room for them beside what the
/// hub itself needs.
pub(super) fn connections_max(wanted: usize) -> usize {
    let Some(files) = getrlimit(Resource::Nofile).current else {
        return wanted;
    };
    let reserved = FILES_RESERVED.min(files / 2);
    let most = usize::try_from(files - reserved).unwrap_or(usize::MAX);
    if most < wanted {
        tracing::warn!(
            connections = most,
            limits.connections_max = wanted,
            open_files = files,
            "the limit on open files leaves room for fewer connections than limits.connections_max: raise it (LimitNOFILE, ulimit -n)"
        );
    }
    wanted.min(most).max(1)
}

/// Lets the process have as many files open as the operating system allows it: most systems begin with 1024.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Less than what was hoped for is what `connections_max` sees.
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
}

/// What is read of `/proc/self/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    processor_ticks: u64,
    threads: u64,
    began_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// The fields are numbered as in proc(5). The second one is the program's name in parentheses, which may hold anything, so
    /// what is counted begins after the last of these.
    fn read(text: &str) -> Option<Self> {
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Stat {
            processor_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            began_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// When the machine was started, in seconds since 1970.
fn boot_seconds() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn files_open() -> Option<u64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    // One of them is the directory itself, while it is read.
    u64::try_from(open).ok()?.checked_sub(1)
}

/// The soft limit; none if there is no limit.
fn files_max() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_counted_from_the_end_of_the_name() {
        let line = "7 (a (odd) name) S 1 2 3 4 5 6 7 8 9 10 40 2 13 14 15 16 12 18 900 4096 3 20 21";
        let expected = Stat {
            processor_ticks: 42,
            threads: 12,
            began_ticks: 900,
            virtual_bytes: 4096,
            resident_pages: 3,
        };
        assert_eq!(Stat::read(line), Some(expected));
        for text in [
            "",
            "7 (name",
            "7 (name) S 1 2",
            "7 (name) S a b c d e f g h i j k l m n o p q r s t u v",
        ] {
            assert_eq!(Stat::read(text), None, "{text}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_all_seven() {
        let families = families();
        assert_eq!(families.len(), 7);
        for family in families {
            let crate::own_metrics::OwnValue::Number(value) = family.samples[0].value else {
                panic!("{} is no number", family.name);
            };
            // A young process may have spent less than a second.
            assert!(
                value > 0.0 || family.name.ends_with("cpu_seconds_total"),
                "{}",
                family.name
            );
        }
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        assert!(boot_seconds().unwrap() <= now.as_secs());
    }
}
