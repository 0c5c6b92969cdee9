//! `usage_log`: who asked for what.

mod store;

use super::{section::Section, units};
use std::time::Duration;

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
        log.syslog = texts(&section, "syslog");
        log.follow = texts(&section, "follow");
        section.finish();
        log
    }
}

/// How many sources there may be of a kind.
const SOURCES_MAX: usize = 100;

fn texts(section: &Section<'_>, name: &'static str) -> Vec<String> {
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
            Ok(text) => texts.push(text.to_owned()),
            Err(error) => section.error(&place, error),
        }
    }
    texts
}
