//! `scrape`: what Prometheus gets.

use super::{section::Section, units};

/// Settings of the exposition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Scrape {
    /// `scrape.created`: whether the time of creation is exposed: no.
    pub(crate) created: Created,
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
            units::truth(value).map(|exposed| if exposed { Created::Exposed } else { Created::Hidden })
        });
        section.finish();
        scrape
    }
}
