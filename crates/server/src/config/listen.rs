//! `listen`, `plain_http`: where the hub is reached, and how.

use super::{
    section::{Section, describe, quote},
    units,
};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};
use yaml_serde::Value;

/// Where the hub listens. Setting `listen` (or metric-nexus's `host` and `port`), flag `--listen`, environment
/// `METRIC_NEXUS_LISTEN`; `127.0.0.1:3000` where nothing is said.
///
/// The host may be a name: it is looked up when the hub binds, not before. Port 0 means any free one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenAddress {
    /// An address (IPv6 without brackets) or a name.
    pub(crate) host: String,
    /// 0 for any free one.
    pub(crate) port: u16,
}

impl ListenAddress {
    const PORT: u16 = 3000;

    /// Whether only this machine can reach the address, as far as one can tell without looking up a name.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    /// From `listen`, or from `host` and `port`.
    pub(super) fn read(top: &Section<'_>) -> Self {
        let mut listen = ListenAddress::default();
        let old = [("host", top.has("host")), ("port", top.has("port"))];
        if top.has("listen") {
            for (name, _) in old.into_iter().filter(|(_, there)| *there) {
                top.mistake(name, "says the same as `listen`: give only one of them");
            }
        }
        top.set("listen", &mut listen, units::parsed);
        top.set("host", &mut listen.host, |value| host(units::text(value)?));
        top.set("port", &mut listen.port, port);
        listen
    }
}

impl Default for ListenAddress {
    fn default() -> Self {
        ListenAddress {
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: Self::PORT,
        }
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    /// `host:port`, `[::1]:port`; `:port` is every IPv4 address of the machine.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected an address such as 127.0.0.1:3000, got {}", quote(text));
        let (before, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let port = port.parse().map_err(|_| wrong())?;
        let bracketed = before.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match bracketed {
            Some(inside) => inside.parse::<Ipv6Addr>().map_err(|_| wrong())?.to_string(),
            None if before.contains(':') => {
                return Err(format!(
                    "expected an IPv6 address in brackets, as in [::1]:3000, got {}",
                    quote(text)
                ));
            }
            None => host(before).map_err(|_| wrong())?,
        };
        Ok(ListenAddress { host, port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// An address or a name; empty means, as in metric-nexus, every IPv4 address of the machine.
fn host(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.is_empty() {
        return Ok(Ipv4Addr::UNSPECIFIED.to_string());
    }
    let plain = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if let Ok(address) = plain.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    if text.len() <= 253 && text.chars().all(legal) {
        return Ok(text.to_owned());
    }
    Err(format!("expected an address or a host name, got {}", quote(text)))
}

/// A number, or the same as a text.
fn port(value: &Value) -> Result<u16, String> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        _ => value.as_u64(),
    };
    number
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(|| format!("expected a port, 0 to 65535, got {}", describe(value)))
}

/// What is spoken on the connection. Setting `plain_http`, flag `--plain-http`, environment
/// `METRIC_NEXUS_PLAIN_HTTP`; TLS where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Transport {
    /// HTTP/2 and HTTP/1.1 over TLS.
    #[default]
    Tls,
    /// Without TLS: keys and values can be read on the way. For a proxy on the same machine, and for trying things out.
    PlainHttp,
}

impl Transport {
    pub(super) fn from_plain_http(plain: bool) -> Self {
        if plain { Transport::PlainHttp } else { Transport::Tls }
    }

    pub(super) fn read(top: &Section<'_>) -> Self {
        let mut transport = Transport::default();
        top.set("plain_http", &mut transport, |value| {
            units::truth(value).map(Transport::from_plain_http)
        });
        transport
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        fn check(text: &str, host: &str, port: u16, shown: &str) {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port), "{text}");
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse(), Ok(address));
        }
        check("127.0.0.1:0", "127.0.0.1", 0, "127.0.0.1:0");
        check("0.0.0.0:65535", "0.0.0.0", 65_535, "0.0.0.0:65535");
        check("[::1]:3000", "::1", 3000, "[::1]:3000");
        check(":3000", "0.0.0.0", 3000, "0.0.0.0:3000");
        check("localhost:80", "localhost", 80, "localhost:80");
        check("hub-1.example.org:80", "hub-1.example.org", 80, "hub-1.example.org:80");
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        for text in [
            "",
            "3000",
            "host",
            "host:",
            "host:x",
            "host:+1",
            "host:65536",
            "a b:1",
            "[x]:1",
            "[127.0.0.1]:1",
        ] {
            let expected = format!("expected an address such as 127.0.0.1:3000, got {text:?}");
            assert_eq!(text.parse::<ListenAddress>(), Err(expected));
        }
        let expected = r#"expected an IPv6 address in brackets, as in [::1]:3000, got "::1:3000""#;
        assert_eq!("::1:3000".parse::<ListenAddress>(), Err(expected.to_owned()));
    }

    #[test]
    fn which_addresses_only_this_machine_reaches() {
        fn check(text: &str, expected: bool) {
            assert_eq!(text.parse::<ListenAddress>().unwrap().is_loopback(), expected, "{text}");
        }
        check("127.0.0.1:1", true);
        check("127.1.2.3:1", true);
        check("[::1]:1", true);
        check("localhost:1", true);
        check(":1", false);
        check("[::]:1", false);
        check("example.org:1", false);
    }
}
