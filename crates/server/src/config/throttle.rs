//! `throttle`: how many bytes a second.

use super::{section::Section, units};
use serde::Serialize;
use std::{collections::BTreeMap, ops::RangeInclusive};
use utoipa::ToSchema;

/// Settings of the bandwidth: what the file says of it. All can be changed while the hub runs, see [`crate::settings`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub(crate) struct Throttle {
    /// `throttle.server`: all connections together.
    pub(crate) server: Rates,
    /// `throttle.connection`: each connection.
    pub(crate) connection: Rates,
    /// `throttle.keys`: all requests of one API key together, by the key's name.
    pub(crate) keys: BTreeMap<String, Rates>,
}

/// Bytes a second in each direction; 0 is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub(crate) struct Rates {
    /// What the hub reads from clients.
    pub(crate) read_bytes_per_second: u64,
    /// What the hub writes to clients.
    pub(crate) write_bytes_per_second: u64,
}

/// What a rate may be: a terabyte a second is more than any machine moves.
pub(crate) const RATE: RangeInclusive<u64> = 0..=1_000_000_000_000;

impl Throttle {
    pub(super) fn read(top: &Section<'_>) -> Self {
        let section = top.section("throttle");
        let throttle = Throttle {
            server: Rates::read(section.section("server")),
            connection: Rates::read(section.section("connection")),
            keys: section
                .map("keys")
                .into_iter()
                .map(|(name, rates)| (name, Rates::read(rates)))
                .collect(),
        };
        section.finish();
        throttle
    }
}

impl Rates {
    fn read(section: Section<'_>) -> Self {
        let mut rates = Rates::default();
        section.set("read_bytes_per_second", &mut rates.read_bytes_per_second, |value| {
            units::size(value, &RATE)
        });
        section.set("write_bytes_per_second", &mut rates.write_bytes_per_second, |value| {
            units::size(value, &RATE)
        });
        section.finish();
        rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::load;

    #[test]
    fn rates_are_sizes_and_nothing_is_unlimited() {
        let check = |yaml: &str, expected: Result<Throttle, &str>| {
            let read = load(yaml)
                .map(|config| config.throttle)
                .map_err(|errors| errors.to_string());
            assert_eq!(read, expected.map_err(str::to_owned), "{yaml}");
        };
        let rates = |read, write| Rates {
            read_bytes_per_second: read,
            write_bytes_per_second: write,
        };
        check("throttle:", Ok(Throttle::default()));
        check(
            "throttle: { server: { read_bytes_per_second: 25600KiB }, connection: { write_bytes_per_second: 1 } }",
            Ok(Throttle {
                server: rates(25_600 << 10, 0),
                connection: rates(0, 1),
                keys: BTreeMap::new(),
            }),
        );
        check(
            "throttle: { keys: { ci: { read_bytes_per_second: 0, write_bytes_per_second: 1MB }, other: } }",
            Ok(Throttle {
                keys: BTreeMap::from([
                    ("ci".to_owned(), rates(0, 1_000_000)),
                    ("other".to_owned(), rates(0, 0)),
                ]),
                ..Throttle::default()
            }),
        );
        check(
            "throttle: { server: { read_bytes_per_second: -1 } }",
            Err("config.yaml: throttle.server.read_bytes_per_second: expected a size such as 65536 or 16MiB, got -1"),
        );
        check(
            "throttle: { server: { read_bytes_per_second: 1000000000001 } }",
            Err("config.yaml: throttle.server.read_bytes_per_second: expected 0 to 1000000000000, got 1000000000001"),
        );
        check(
            "throttle: { keys: { ci: { rate: 1 } } }",
            Err(
                "config.yaml: throttle.keys.ci.rate: unknown setting; known here: read_bytes_per_second, write_bytes_per_second",
            ),
        );
        check(
            "throttle: { keys: [] }",
            Err("config.yaml: throttle.keys: expected a mapping of settings, got a list"),
        );
    }
}
