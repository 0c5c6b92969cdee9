//! `usage`: how much each key may use, and where what it used is kept.

mod limits;
mod shared;

use super::{section::Section, units};
use nexus_usage::{AnchorDay, Mode, UnknownZone, Zone};
use std::{collections::BTreeMap, time::Duration};

pub(crate) use limits::{KeyLimits, LIMIT_MAX, REQUESTS_PER_SECOND_MAX};
pub(crate) use shared::{PostgresStore, RedisStore, Shared, Store};

/// Settings of the usage: what the file says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Usage {
    /// `usage.mode`: how strictly monthly limits are kept: exactly, as far as this hub is concerned.
    pub(crate) mode: Mode,
    /// `usage.zone` and `usage.anchor_day`: in which time zone and on which day months begin: UTC, the first.
    pub(crate) zone: Zone,
    pub(crate) anchor_day: AnchorDay,
    /// `usage.push_interval`: how often the shared store is told, and asked about the others: 200 ms.
    pub(crate) push_interval: Duration,
    /// `usage.overrun_bytes_max`: how far bytes that are under way may together go beyond a limit: 1 MiB.
    pub(crate) overrun_bytes_max: u64,
    /// `usage.shared`: the store in which several hubs share their usage; none.
    pub(crate) shared: Option<Shared>,
    /// `usage.limits`: by the key's name. Can be changed while the hub runs, see [`crate::settings`].
    pub(crate) limits: BTreeMap<String, KeyLimits>,
}

impl Default for Usage {
    fn default() -> Self {
        Usage {
            mode: Mode::Exact,
            zone: Zone::UTC,
            anchor_day: AnchorDay::FIRST,
            push_interval: Duration::from_millis(200),
            overrun_bytes_max: 1 << 20,
            shared: None,
            limits: BTreeMap::new(),
        }
    }
}

const MODES: [(&str, Mode); 6] = [
    ("off", Mode::Off),
    ("observe", Mode::Observe),
    ("approximate", Mode::Approximate),
    ("exact", Mode::Exact),
    ("lease", Mode::Lease),
    ("ask", Mode::Ask),
];

impl Usage {
    pub(super) fn read(top: &Section<'_>) -> Self {
        let section = top.section("usage");
        let mut usage = Usage::default();
        section.set("mode", &mut usage.mode, |value| {
            units::choice(units::string(value)?, &MODES)
        });
        section.set("zone", &mut usage.zone, |value| zone(units::string(value)?));
        section.set("anchor_day", &mut usage.anchor_day, |value| {
            let day = units::count(value, &(1..=31))?;
            anchor_day(day)
        });
        let interval = Duration::from_millis(1)..=Duration::from_secs(60);
        section.set("push_interval", &mut usage.push_interval, |value| {
            units::duration(value, &interval)
        });
        section.set("overrun_bytes_max", &mut usage.overrun_bytes_max, |value| {
            units::size(value, &(0..=LIMIT_MAX))
        });
        usage.shared = Shared::read(section.section("shared"));
        let limits = section.map("limits").into_iter();
        usage.limits = limits.map(|(name, limits)| (name, KeyLimits::read(limits))).collect();
        section.finish();
        usage
    }
}

fn zone(text: &str) -> Result<Zone, String> {
    text.parse().map_err(|error: UnknownZone| error.to_string())
}

fn anchor_day(day: u64) -> Result<AnchorDay, String> {
    let day = u8::try_from(day).unwrap_or(u8::MAX);
    AnchorDay::try_from(day).map_err(|error| error.to_string())
}
