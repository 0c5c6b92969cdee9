//! `scrape`: what Prometheus gets.

use super::{section::Section, units};

/// Settings of the exposition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scrape {
    /// `scrape.created`: whether the time of creation is exposed: no.
    pub(crate) created: Created,
    /// `scrape.gzip_parts_bytes_max`: how much of what was compressed is kept for the next scrape: 12 MiB. A million series with three
    /// labels take six to seven.
    pub(crate) gzip_parts_bytes_max: usize,
}

impl Default for Scrape {
    fn default() -> Self {
        Scrape {
            created: Created::default(),
            gzip_parts_bytes_max: 12 << 20,
        }
    }
}

/// What becomes of the time at which a counter or histogram was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Created {
    /// `false`: kept to the hub.
    #[default]
    Hidden,
    /// `true`: exposed as `_created` in OpenMetrics, which doubles the series that Prometheus stores.
    Exposed,
}

impl Scrape {
    pub(super) fn read(top: &Section<'_>) -> Self {
        let section = top.section("scrape");
        let mut scrape = Scrape::default();
        section.set("created", &mut scrape.created, |value| {
            units::bool(value).map(|exposed| if exposed { Created::Exposed } else { Created::Hidden })
        });
        section.set("gzip_parts_bytes_max", &mut scrape.gzip_parts_bytes_max, |value| {
            units::size(value, &(0..=1 << 40))
        });
        section.finish();
        scrape
    }
}
