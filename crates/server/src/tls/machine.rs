//! What this machine is called and which addresses it has, for a hub that listens on all of them.

use std::{
    fs::File,
    io::Read as _,
    net::{IpAddr, Ipv6Addr},
};

/// Where a machine's full name stands before its short one.
const HOSTS_FILE: &str = "/etc/hosts";
/// More than any of these files has.
const HOSTS_BYTES_MAX: u64 = 1 << 20;

/// The full name, if it is known here without asking a network, and the addresses by which others may reach this machine.
pub(crate) fn names() -> Vec<String> {
    let host = gethostname::gethostname();
    let full = host.to_str().and_then(|host| full_name(host, &hosts()));
    let mut addresses: Vec<IpAddr> = match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces.iter().map(if_addrs::Interface::ip).collect(),
        Err(error) => {
            tracing::debug!(%error, "the addresses of this machine cannot be asked for");
            Vec::new()
        }
    };
    addresses.retain(is_of_use);
    addresses.sort_unstable();
    let addresses = addresses.iter().map(IpAddr::to_string);
    full.into_iter().chain(addresses).collect()
}

fn hosts() -> String {
    let mut text = Vec::new();
    // A machine without such a file has only its short name.
    let read = File::open(HOSTS_FILE).map(|file| file.take(HOSTS_BYTES_MAX).read_to_end(&mut text));
    drop(read);
    String::from_utf8_lossy(&text).into_owned()
}

/// The first name of the line on which the short one stands, if that has a domain.
fn full_name(host: &str, hosts: &str) -> Option<String> {
    if host.contains('.') {
        return Some(host.to_owned());
    }
    let names_of = |line: &str| -> Vec<String> {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).map(str::to_owned).collect()
    };
    let lines = hosts.lines().map(names_of);
    let own = lines.filter(|names| names.iter().any(|name| name.eq_ignore_ascii_case(host)));
    own.flatten().find(|name| {
        name.contains('.')
            && name
                .split('.')
                .next()
                .is_some_and(|first| first.eq_ignore_ascii_case(host))
    })
}

/// Addresses of the link alone need the name of an interface, which no certificate has.
fn is_of_use(address: &IpAddr) -> bool {
    let of_the_link = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => Ipv6Addr::is_unicast_link_local(address),
    };
    !of_the_link && !address.is_loopback() && !address.is_unspecified() && !address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_stands_beside_the_short_one() {
        let check = |host: &str, hosts: &str, expected: Option<&str>| {
            assert_eq!(full_name(host, hosts).as_deref(), expected, "{host}: {hosts}");
        };
        check("hub.example.org", "", Some("hub.example.org"));
        check("hub", "", None);
        check(
            "hub",
            "127.0.0.1 localhost\n127.0.1.1 hub.example.org hub",
            Some("hub.example.org"),
        );
        check("hub", "127.0.1.1\thub hub.example.org # mine", Some("hub.example.org"));
        check("hub", "127.0.0.1 localhost.localdomain localhost hub", None);
        check(
            "hub",
            "10.0.0.1 other.example.org other\n# 10.0.0.2 hub.example.org hub",
            None,
        );
    }

    #[test]
    fn addresses_that_others_can_use_are_named() {
        let check = |address: &str, expected: bool| {
            assert_eq!(is_of_use(&address.parse().unwrap()), expected, "{address}");
        };
        check("10.9.8.7", true);
        check("2001:db8::1", true);
        check("fd00::1", true);
        check("127.0.0.1", false);
        check("::1", false);
        check("169.254.1.1", false);
        check("fe80::1", false);
    }
}
