//! `limits`: how much of everything, so that nothing grows without end.

use super::{budget::Budget, section::Section, units};
use std::{ops::RangeInclusive, time::Duration};

/// A limit on everything that others can make the hub hold. Each is a setting of the same name under `limits`; the
/// value in [`Limits::default`] holds where nothing is said. None can be switched off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Series that one API key may own: 2 000 000.
    pub(crate) series_per_key_max: usize,
    /// Series in all: 10 000 000.
    pub(crate) series_max: usize,
    /// Families in all: 100 000.
    pub(crate) families_max: usize,
    /// Families whose first series is of one API key: 20 000.
    pub(crate) families_per_key_max: usize,
    /// Memory of all series, about: half of the machine's.
    pub(crate) series_bytes_max: Budget,
    /// Memory of the series that one API key owns, about: half of `series_bytes_max`.
    pub(crate) series_per_key_bytes_max: Budget,
    /// Labels of one series: 64.
    pub(crate) labels_per_series_max: usize,
    /// Length of a metric's or label's name: 512 bytes.
    pub(crate) name_bytes_max: usize,
    /// Length of a label's value: 4 KiB.
    pub(crate) value_bytes_max: usize,
    /// Length of all labels of one series: 16 KiB.
    pub(crate) labels_bytes_max: usize,
    /// Length of a family's help text: 4 KiB.
    pub(crate) help_bytes_max: usize,
    /// A request's body as it arrives: 16 MiB.
    pub(crate) body_bytes_max: usize,
    /// A request's body once decompressed: 64 MiB. Not less than `body_bytes_max`.
    pub(crate) body_decompressed_bytes_max: usize,
    /// How much of a body is read and dropped if its request is answered without it, so that the answer arrives: 32 MiB.
    pub(crate) unread_body_bytes_max: usize,
    /// Memory of bodies and answers that are under way: an eighth of the machine's, 1 GiB at most.
    pub(crate) requests_bytes_max: Budget,
    /// The same of one API key: a quarter of `requests_bytes_max`.
    pub(crate) requests_per_key_bytes_max: Budget,
    /// Selectors (`match[]`) in one request: 64.
    pub(crate) selectors_max: usize,
    /// Memory of the regular expressions of one request, compiled: 4 MiB.
    pub(crate) regexes_bytes_max: usize,
    /// Changes in one request: 100 000.
    pub(crate) changes_per_request_max: usize,
    /// Writes that wait for the writer: 4096.
    pub(crate) queue_writes_max: usize,
    /// Memory of the writes that wait for the writer: 256 MiB. Not less than `body_decompressed_bytes_max`.
    pub(crate) queue_bytes_max: usize,
    /// Open connections: 10 000.
    pub(crate) connections_max: usize,
    /// Distinct clients remembered for `metric_nexus_clients`: 100 000.
    pub(crate) clients_max: usize,
    /// From the first byte of a request to the end of its header: 10 s.
    pub(crate) header_timeout: Duration,
    /// A connection without a request: 75 s.
    pub(crate) idle_timeout: Duration,
    /// The TLS handshake: 10 s.
    pub(crate) handshake_timeout: Duration,
    /// Between two pieces of a request's body: 30 s.
    pub(crate) body_idle_timeout: Duration,
    /// For open requests when the hub shuts down: 10 s.
    pub(crate) drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            series_per_key_max: 2_000_000,
            series_max: 10_000_000,
            families_max: 100_000,
            families_per_key_max: 20_000,
            series_bytes_max: Budget::Auto,
            series_per_key_bytes_max: Budget::Auto,
            labels_per_series_max: 64,
            name_bytes_max: 512,
            value_bytes_max: 4 << 10,
            labels_bytes_max: 16 << 10,
            help_bytes_max: 4 << 10,
            body_bytes_max: 16 << 20,
            body_decompressed_bytes_max: 64 << 20,
            unread_body_bytes_max: 32 << 20,
            requests_bytes_max: Budget::Auto,
            requests_per_key_bytes_max: Budget::Auto,
            selectors_max: 64,
            regexes_bytes_max: 4 << 20,
            changes_per_request_max: 100_000,
            queue_writes_max: 4096,
            queue_bytes_max: 256 << 20,
            connections_max: 10_000,
            clients_max: 100_000,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            handshake_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// What the budgets come to on this machine, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budgets {
    pub(crate) series_bytes_max: usize,
    pub(crate) series_per_key_bytes_max: usize,
    pub(crate) requests_bytes_max: usize,
    pub(crate) requests_per_key_bytes_max: usize,
}

/// What `auto` means for requests at most: more is of no use to anybody.
const REQUESTS_AUTO_MAX: usize = 1 << 30;

impl Limits {
    /// The budgets where there is so much memory. A body that is allowed has room in each of them.
    pub(crate) fn budgets(&self, memory_bytes: usize) -> Budgets {
        let body = self.body_decompressed_bytes_max;
        let series = self.series_bytes_max.or(memory_bytes / 2);
        let requests = (memory_bytes / 8).min(REQUESTS_AUTO_MAX).max(body.saturating_mul(2));
        let requests = self.requests_bytes_max.or(requests);
        Budgets {
            series_bytes_max: series,
            series_per_key_bytes_max: self.series_per_key_bytes_max.or(series / 2),
            requests_bytes_max: requests,
            requests_per_key_bytes_max: self.requests_per_key_bytes_max.or((requests / 4).max(body)),
        }
    }
}

/// Where a limit is kept, and what it may be.
enum Slot<'a> {
    Count(&'a mut usize, RangeInclusive<usize>),
    Size(&'a mut usize, RangeInclusive<usize>),
    Budget(&'a mut Budget, RangeInclusive<usize>),
    Time(&'a mut Duration, RangeInclusive<Duration>),
}

const SERIES: RangeInclusive<usize> = 1..=1_000_000_000;
const TEXT: RangeInclusive<usize> = 1..=1 << 20;
const BODY: RangeInclusive<usize> = 1..=1 << 30;
const QUEUE: RangeInclusive<usize> = 1..=64 << 30;
const MEMORY: RangeInclusive<usize> = 1 << 20..=1 << 50;
const TASKS: RangeInclusive<usize> = 1..=1_000_000;
const TIME: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);

impl Limits {
    pub(super) fn read(top: &Section<'_>) -> Self {
        let section = top.section("limits");
        let mut limits = Limits::default();
        for (name, slot) in limits.slots() {
            match slot {
                Slot::Count(limit, range) => {
                    section.set(name, limit, |value| units::count(value, &range));
                }
                Slot::Size(limit, range) => {
                    section.set(name, limit, |value| units::size(value, &range));
                }
                Slot::Budget(limit, range) => {
                    section.set(name, limit, |value| Budget::read(value, &range));
                }
                Slot::Time(limit, range) => {
                    section.set(name, limit, |value| units::duration(value, &range));
                }
            }
        }
        limits.check(&section);
        section.finish();
        limits
    }

    fn check(&self, section: &Section<'_>) {
        if self.body_decompressed_bytes_max < self.body_bytes_max {
            section.error("body_decompressed_bytes_max", "must not be less than `body_bytes_max`");
        }
        if self.queue_bytes_max < self.body_decompressed_bytes_max {
            section.error("queue_bytes_max", "must not be less than `body_decompressed_bytes_max`");
        }
    }

    fn slots(&mut self) -> Vec<(&'static str, Slot<'_>)> {
        use Slot::{Budget, Count, Size, Time};
        vec![
            ("series_per_key_max", Count(&mut self.series_per_key_max, SERIES)),
            ("series_max", Count(&mut self.series_max, SERIES)),
            ("families_max", Count(&mut self.families_max, SERIES)),
            ("families_per_key_max", Count(&mut self.families_per_key_max, SERIES)),
            ("series_bytes_max", Budget(&mut self.series_bytes_max, MEMORY)),
            (
                "series_per_key_bytes_max",
                Budget(&mut self.series_per_key_bytes_max, MEMORY),
            ),
            (
                "labels_per_series_max",
                Count(&mut self.labels_per_series_max, 1..=1000),
            ),
            ("name_bytes_max", Size(&mut self.name_bytes_max, TEXT)),
            ("value_bytes_max", Size(&mut self.value_bytes_max, TEXT)),
            ("labels_bytes_max", Size(&mut self.labels_bytes_max, TEXT)),
            ("help_bytes_max", Size(&mut self.help_bytes_max, TEXT)),
            ("body_bytes_max", Size(&mut self.body_bytes_max, BODY)),
            (
                "body_decompressed_bytes_max",
                Size(&mut self.body_decompressed_bytes_max, BODY),
            ),
            ("unread_body_bytes_max", Size(&mut self.unread_body_bytes_max, BODY)),
            ("requests_bytes_max", Budget(&mut self.requests_bytes_max, MEMORY)),
            (
                "requests_per_key_bytes_max",
                Budget(&mut self.requests_per_key_bytes_max, MEMORY),
            ),
            ("selectors_max", Count(&mut self.selectors_max, 1..=100_000)),
            ("regexes_bytes_max", Size(&mut self.regexes_bytes_max, BODY)),
            (
                "changes_per_request_max",
                Count(&mut self.changes_per_request_max, 1..=100_000_000),
            ),
            ("queue_writes_max", Count(&mut self.queue_writes_max, TASKS)),
            ("queue_bytes_max", Size(&mut self.queue_bytes_max, QUEUE)),
            ("connections_max", Count(&mut self.connections_max, TASKS)),
            ("clients_max", Count(&mut self.clients_max, 1..=100_000_000)),
            ("header_timeout", Time(&mut self.header_timeout, TIME)),
            ("idle_timeout", Time(&mut self.idle_timeout, TIME)),
            ("handshake_timeout", Time(&mut self.handshake_timeout, TIME)),
            ("body_idle_timeout", Time(&mut self.body_idle_timeout, TIME)),
            ("drain_timeout", Time(&mut self.drain_timeout, TIME)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, tests::load};

    /// Sets one limit (and those that must not be less), and reads it back.
    fn set(name: &str, value: &str) -> Result<Limits, String> {
        let others = match name {
            "body_bytes_max" => ", body_decompressed_bytes_max: 1GiB, queue_bytes_max: 64GiB",
            "body_decompressed_bytes_max" => ", body_bytes_max: 1, queue_bytes_max: 64GiB",
            "queue_bytes_max" => ", body_bytes_max: 1, body_decompressed_bytes_max: 1",
            _ => "",
        };
        let yaml = format!("limits: {{ {name}: {value}{others} }}");
        load(&yaml)
            .map(|config: Config| config.limits)
            .map_err(|errors| errors.to_string())
    }

    #[test]
    fn every_limit_is_taken_at_both_ends_and_refused_beyond() {
        for index in 0..Limits::default().slots().len() {
            let mut limits = Limits::default();
            let (name, slot) = limits.slots().swap_remove(index);
            let (ends, beyond) = match slot {
                Slot::Count(_, range) | Slot::Size(_, range) | Slot::Budget(_, range) => {
                    let (low, high) = range.into_inner();
                    (
                        [low.to_string(), high.to_string()],
                        [(low - 1).to_string(), (high + 1).to_string()],
                    )
                }
                Slot::Time(_, range) => {
                    let (low, high) = range.into_inner();
                    let show = |time: Duration| format!("{}ms", time.as_millis());
                    let step = Duration::from_millis(1);
                    ([show(low), show(high)], [show(low - step), show(high + step)])
                }
            };
            for value in ends {
                let mut limits = set(name, &value).unwrap();
                let shown = match limits.slots().swap_remove(index).1 {
                    Slot::Count(limit, _) | Slot::Size(limit, _) => limit.to_string(),
                    Slot::Budget(limit, _) => limit.or(0).to_string(),
                    Slot::Time(limit, _) => format!("{}ms", limit.as_millis()),
                };
                assert_eq!(shown, value, "{name}");
            }
            for value in beyond {
                let error = set(name, &value).unwrap_err();
                assert!(
                    error.starts_with(&format!("config.yaml: limits.{name}: expected ")),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn limits_that_contradict_each_other_are_refused() {
        fn check(yaml: &str, expected: &str) {
            assert_eq!(load(yaml).unwrap_err().to_string(), expected);
        }
        check(
            "limits: { body_bytes_max: 65MiB }",
            "config.yaml: limits.body_decompressed_bytes_max: must not be less than `body_bytes_max`",
        );
        check(
            "limits: { body_decompressed_bytes_max: 257MiB }",
            "config.yaml: limits.queue_bytes_max: must not be less than `body_decompressed_bytes_max`",
        );
    }
}
