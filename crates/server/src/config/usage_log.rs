//! `usage_log`: who asked for what.

mod store;

use super::{section::Section, units};
use nexus_usage_log::ingest::Limits;
use std::{net::SocketAddr, time::Duration};

pub(crate) use store::Store;

/// Settings of the usage log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsageLog {
    /// `usage_log.enabled`: whether there is one: yes.
    pub(crate) enabled: bool,
    /// `usage_log.store`: where the records go: into `usage-log.db`.
    pub(crate) store: Store,
    /// `usage_log.bytes_max`: how large that file may be before the hub's own requests are left out: 8 GiB.
    pub(crate) bytes_max: u64,
    /// `usage_log.spill_bytes_max`: what may wait on disk to be stored: 1 GiB.
    pub(crate) spill_bytes_max: u64,
    /// `usage_log.raw_kept`: how long single records are kept: 7 days.
    pub(crate) raw_kept: Duration,
    /// `usage_log.seconds_kept`: sums by second: 40 days.
    pub(crate) seconds_kept: Duration,
    /// `usage_log.minutes_kept`: sums by minute: 400 days.
    pub(crate) minutes_kept: Duration,
    /// `usage_log.series_max`: how many combinations of key, route, client and the like are told apart: 1 000 000.
    pub(crate) series_max: u64,
    /// `usage_log.series_per_source_max`: how many of them one key may make: 100 000.
    pub(crate) series_per_source_max: u64,
    /// `usage_log.record_bytes_max`: how large a record is with all its texts: 16 KiB.
    pub(crate) record_bytes_max: usize,
    /// `usage_log.events_max`, `id_bytes_max`, `text_bytes_max`, `labels_max`, `label_name_bytes_max`: what an event from elsewhere may have.
    pub(crate) limits: Limits,
    /// `usage_log.syslog`: where lines of NGINX's `access_log syslog:` are received: addresses for UDP, paths for datagrams of
    /// this machine. None.
    pub(crate) syslog: Vec<String>,
    /// `usage_log.follow`: access logs that are followed. None.
    pub(crate) follow: Vec<String>,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Default for UsageLog {
    fn default() -> Self {
        UsageLog {
            enabled: true,
            store: Store::Sqlite,
            bytes_max: 8 << 30,
            spill_bytes_max: 1 << 30,
            raw_kept: 7 * DAY,
            seconds_kept: 40 * DAY,
            minutes_kept: 400 * DAY,
            series_max: 1_000_000,
            series_per_source_max: 100_000,
            record_bytes_max: 16 << 10,
            limits: Limits::default(),
            syslog: Vec::new(),
            follow: Vec::new(),
        }
    }
}

impl UsageLog {
    pub(super) fn read(top: &Section<'_>) -> Self {
        let section = top.section("usage_log");
        let mut log = UsageLog::default();
        section.set("enabled", &mut log.enabled, units::bool);
        log.store = Store::read(&section);
        let sizes = (64 << 20)..=(1 << 50);
        section.set("bytes_max", &mut log.bytes_max, |value| units::size(value, &sizes));
        section.set("spill_bytes_max", &mut log.spill_bytes_max, |value| {
            units::size(value, &sizes)
        });
        let times = Duration::from_secs(3_600)..=36_500 * DAY;
        for (name, kept) in [
            ("raw_kept", &mut log.raw_kept),
            ("seconds_kept", &mut log.seconds_kept),
            ("minutes_kept", &mut log.minutes_kept),
        ] {
            section.set(name, kept, |value| units::duration(value, &times));
        }
        let numbers = 1..=1_000_000_000;
        section.set("series_max", &mut log.series_max, |value| units::count(value, &numbers));
        section.set("series_per_source_max", &mut log.series_per_source_max, |value| {
            units::count(value, &numbers)
        });
        section.set("record_bytes_max", &mut log.record_bytes_max, |value| {
            units::size(value, &((4 << 10)..=(1 << 20)))
        });
        read_limits(&section, &mut log.limits);
        log.syslog = texts(&section, "syslog", is_address);
        log.follow = texts(&section, "follow", is_one_file);
        section.finish();
        log
    }
}

/// How many sources there may be of a kind.
const SOURCES_MAX: usize = 100;

fn read_limits(section: &Section<'_>, limits: &mut Limits) {
    section.set("events_max", &mut limits.events_max, |value| {
        units::count(value, &(1..=100_000))
    });
    section.set("labels_max", &mut limits.labels_max, |value| {
        units::count(value, &(0..=256))
    });
    for (name, bytes) in [
        ("id_bytes_max", &mut limits.id_bytes_max),
        ("text_bytes_max", &mut limits.text_bytes_max),
        ("label_name_bytes_max", &mut limits.label_name_bytes_max),
    ] {
        section.set(name, bytes, |value| units::size(value, &(16..=(64 << 10))));
    }
}

/// A log has one name, under which its next file is found when it is rotated: a pattern says which files there are now.
fn is_one_file(text: &str) -> Result<(), String> {
    match text {
        "" => Err("expected the path of a log, got an empty text".to_owned()),
        _ if text.contains(['*', '?', '[', '{']) => Err(format!("{text} is a pattern: name each log by itself")),
        _ if text.starts_with('~') => Err(format!(
            "{text} begins with ~, which shells alone know: name the directory"
        )),
        _ if text.ends_with('/') => Err(format!("{text} is a directory: name each log in it")),
        _ => Ok(()),
    }
}

/// A path, or an address or name with a port.
fn is_address(text: &str) -> Result<(), String> {
    let named = || {
        text.rsplit_once(':')
            .filter(|(name, _)| !name.is_empty() && !name.contains([':', '/']))
    };
    let has_port = || named().is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if text.starts_with('/') || text.parse::<SocketAddr>().is_ok() || has_port() {
        return Ok(());
    }
    Err(format!(
        "expected an address with a port, such as 127.0.0.1:5140, or a path, got {text:?}"
    ))
}

fn texts(section: &Section<'_>, name: &'static str, check: fn(&str) -> Result<(), String>) -> Vec<String> {
    let items = section.list(name);
    if items.len() > SOURCES_MAX {
        section.error(name, format!("expected at most {SOURCES_MAX}, got {}", items.len()));
    }
    let mut texts: Vec<String> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let place = format!("{name}[{index}]");
        match units::string(item) {
            Ok(text) if texts.iter().any(|known| known == text) => {
                section.error(&place, format!("{text} is named twice: leave one out"));
            }
            Ok(text) => match check(text) {
                Ok(()) => texts.push(text.to_owned()),
                Err(error) => section.error(&place, error),
            },
            Err(error) => section.error(&place, error),
        }
    }
    texts
}
