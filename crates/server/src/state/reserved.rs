//! Names that belong to the hub: by what they are shown as, not by how they were sent.

use nexus_metric::{
    Family, Kind, plain_spelling,
    text::{Escaping, escape_name},
};

/// What the names of the hub's own metrics begin with.
const OWN: &str = "metric_nexus_";

/// Whether a name belongs to the hub, in its own spelling or in any that it is shown in or found by.
pub(crate) fn is_reserved(name: &str) -> bool {
    begins_with_underscores(name) || is_own(name)
}

/// Whether a family would show anything under a name that belongs to the hub.
pub(crate) fn is_hubs(family: &Family) -> bool {
    let name = family.name.as_str();
    let shows_only_its_name = matches!(family.kind, Kind::Gauge | Kind::Untyped | Kind::StateSet);
    // Every suffix that a kind adds begins with an underscore.
    is_reserved(name) || (!shows_only_its_name && is_reserved(&format!("{name}_")))
}

/// Blanks, dots and other signs are shown as underscores. So are letters of other scripts to old scrapers, but whoever calls a
/// metric 温度 means nothing of the hub's.
fn begins_with_underscores(name: &str) -> bool {
    let is_shown_as_one = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != ':';
    let mut first = name.chars();
    first.next().is_some_and(is_shown_as_one) && first.next().is_some_and(is_shown_as_one)
}

fn is_own(name: &str) -> bool {
    let begins = name.get(..1).unwrap_or_default();
    // Nearly all names are no candidates.
    begins.eq_ignore_ascii_case("m") && plain_spelling(&escape_name(name, Escaping::Underscores)).starts_with(OWN)
}

#[cfg(test)]
mod tests {
    use nexus_metric::{Buckets, Name};

    use super::*;

    #[test]
    fn a_name_is_reserved_by_what_it_is_shown_as() {
        let check = |name: &str, expected: bool| assert_eq!(is_reserved(name), expected, "{name}");
        for ours in [
            "metric_nexus_clients",
            "metric.nexus_clients",
            "metric.nexus.clients",
            "metric_nexus-up",
            "metric nexus/up",
            "metric\u{e9}nexus\u{1f631}up",
            "Metric_Nexus_Clients",
            "METRIC.NEXUS.UP",
            "metric_nexus_",
            "__x",
            "_.x",
            "..",
            "-/x",
            "__",
        ] {
            check(ours, true);
        }
        for free in [
            "metric_nexus",
            "metric.nexus",
            "metricnexus_x",
            "my_metric_nexus_x",
            "metric_dot_nexus_x",
            "_x",
            ".x",
            "::x",
            "_",
            "温度",
            "",
        ] {
            check(free, false);
        }
    }

    #[test]
    fn a_family_is_the_hubs_if_it_would_show_one_of_its_names() {
        let check = |name: &str, kind: Kind, expected: bool| {
            let family = Family {
                name: Name::new(name).unwrap(),
                kind,
                help: "".into(),
                unit: "".into(),
                buckets: Buckets::default(),
            };
            assert_eq!(is_hubs(&family), expected, "{name} {kind}");
        };
        check("metric_nexus", Kind::Gauge, false);
        check("metric_nexus", Kind::Histogram, true);
        check("metric.nexus", Kind::Counter, true);
        check("metric_nexus_total", Kind::Gauge, true);
        check("a", Kind::Histogram, false);
        check("_", Kind::Gauge, false);
        check("_", Kind::Histogram, true);
    }
}
