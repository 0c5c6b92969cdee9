//! The names under which a scrape may show a family.

use nexus_metric::{
    Family, Kind,
    text::{Escaping, escape_name},
};

/// Every name under which a scrape may show something of this family, in whatever format and escaping.
///
/// No two families may share one, or a scrape would show the same name twice and Prometheus would reject it whole.
pub(super) fn exposed_names(family: &Family) -> Vec<Box<str>> {
    let name = family.name.as_str();
    let suffixes: &[&str] = match family.kind {
        Kind::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
        Kind::Summary => &["", "_sum", "_count", "_created"],
        Kind::GaugeHistogram => &["", "_bucket", "_gsum", "_gcount"],
        Kind::Counter => &["", "_created"],
        Kind::Info => &["", "_info"],
        Kind::Gauge | Kind::Untyped | Kind::StateSet => &[""],
    };
    let mut names = Vec::new();
    match name
        .strip_suffix("_total")
        .filter(|base| family.kind == Kind::Counter && !base.is_empty())
    {
        // OpenMetrics announces the counter `x_total` as `x`.
        Some(base) => names.extend([name.to_owned(), base.to_owned(), format!("{base}_created")]),
        None => names.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}"))),
    }
    if !family.name.is_legacy() {
        names.extend(names.clone().iter().flat_map(|name| escaped(name)));
        names.sort_unstable();
        names.dedup();
    }
    names.into_iter().map(String::into_boxed_str).collect()
}

/// The name as scrapers see it that do not read UTF-8 names, in each escaping that they may ask for.
fn escaped(name: &str) -> impl Iterator<Item = String> {
    [Escaping::Underscores, Escaping::Dots, Escaping::Values]
        .into_iter()
        .map(|escaping| escape_name(name, escaping).into_owned())
}
