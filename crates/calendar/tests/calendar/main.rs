//! Which month an instant lies in, and when months begin.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this is tests, helpers included"
)]

mod every_instant;
mod months;
mod values;

use nexus_calendar::{Calendar, Time};

/// Zones whose clocks change at midnight, by less than an hour, by a whole day, or never.
const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",
];

fn calendar(zone: &str, anchor_day: u8) -> Calendar {
    Calendar::new(zone.parse().unwrap(), anchor_day.try_into().unwrap())
}

fn at(text: &str) -> Time {
    Time::from_nanos(
        text.parse::<jiff::Timestamp>()
            .unwrap()
            .as_nanosecond()
            .try_into()
            .unwrap(),
    )
}
