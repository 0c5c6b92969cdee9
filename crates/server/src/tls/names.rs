//! The names a generated certificate is valid for.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rustls_pki_types::DnsName;

use super::{Settings, TlsError};

/// Each name once, in a fixed order: what the hub is called from its own machine, the addresses it
/// listens on (where those are all, the machine's, and its full name), its host name, and what was configured.
///
/// # Errors
///
/// When a configured name is neither a host name nor an address. A machine whose own name is no
/// valid host name goes without it.
pub(super) fn wanted(settings: &Settings) -> Result<BTreeSet<String>, TlsError> {
    let mut names = BTreeSet::from(["localhost", "127.0.0.1", "::1"].map(String::from));
    let listen = settings.listen.iter().filter(|address| !address.is_unspecified());
    names.extend(listen.map(IpAddr::to_string));
    if settings.listen.iter().any(IpAddr::is_unspecified) {
        names.extend((settings.machine)().iter().filter_map(|name| normal(name)));
    }
    let host = gethostname::gethostname();
    names.extend(host.to_str().and_then(normal));
    for name in &settings.names {
        let name = normal(name).ok_or_else(|| TlsError::Name { name: name.clone() })?;
        names.insert(name);
    }
    Ok(names)
}

/// A name as it stands in a certificate: addresses in their canonical form and without
/// brackets, host names (also `*.example.org`) in lower case and without the final dot.
fn normal(name: &str) -> Option<String> {
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(name).parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let host = name.strip_prefix("*.").unwrap_or(name);
    DnsName::try_from(host).ok()?;
    Some(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_or_refused() {
        let check = |name, expected: Option<&str>| {
            assert_eq!(normal(name).as_deref(), expected, "{name:?}");
        };
        check("Metrics.Example.org", Some("metrics.example.org"));
        check("metrics.example.org.", Some("metrics.example.org"));
        check("*.example.org", Some("*.example.org"));
        check("build_host", Some("build_host"));
        check("10.1.2.3", Some("10.1.2.3"));
        check("[2001:DB8::0:1]", Some("2001:db8::1"));
        check("", None);
        check("*", None);
        check("a.*.org", None);
        check("https://example.org", None);
        check("example.org:9091", None);
        check("zähler.example", None);
    }
}
