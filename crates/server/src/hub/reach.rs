//! By which of its names and addresses other machines reach the hub.

use std::net::IpAddr;

/// Those that others can use, those that were given first, then full names, then addresses, then short names.
pub(super) fn by_use(given: &[String], mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| is_for_others(name));
    names.sort_by_key(|name| {
        let place = given.iter().position(|given| given.eq_ignore_ascii_case(name));
        (place.unwrap_or(usize::MAX), kind(name))
    });
    names
}

fn is_for_others(name: &str) -> bool {
    match name.parse::<IpAddr>() {
        Ok(address) => !address.is_loopback(),
        // Nobody asks for a pattern.
        Err(_) => name != "localhost" && !name.contains('*'),
    }
}

/// What is more likely to be found from elsewhere is less.
fn kind(name: &str) -> u8 {
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 1,
        Ok(IpAddr::V6(_)) => 2,
        Err(_) if name.contains('.') => 0,
        Err(_) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_use_comes_first() {
        let check = |given: &[&str], names: &[&str], expected: &[&str]| {
            let owned = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
            assert_eq!(by_use(&owned(given), owned(names)), expected);
        };
        check(&[], &["127.0.0.1", "::1", "localhost"], &[]);
        check(
            &[],
            &[
                "10.9.8.7",
                "127.0.0.1",
                "::1",
                "2001:db8::1",
                "localhost",
                "vm",
                "vm.example.org",
            ],
            &["vm.example.org", "10.9.8.7", "2001:db8::1", "vm"],
        );
        check(
            &["10.0.0.1", "Hub.example.org", "*.example.org"],
            &["*.example.org", "10.0.0.1", "a.example.org", "hub.example.org"],
            &["10.0.0.1", "hub.example.org", "a.example.org"],
        );
    }
}
