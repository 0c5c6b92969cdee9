//! The address of a listener: of the machine's network, or the path of a unix socket.

use crate::config::section::{describe, quote};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    str::FromStr,
};
use yaml_serde::Value;

/// Where a listener is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// The host may be a name: it is looked up when the hub binds, not before.
    Tcp {
        /// An address (IPv6 without brackets) or a name.
        host: String,
        /// 0 for any free one.
        port: u16,
    },
    /// A socket in the file system.
    Unix {
        /// Where it is.
        path: PathBuf,
        /// Its permissions: who may write to it may connect.
        mode: u32,
    },
}

impl Address {
    /// The owner and the group may connect.
    const MODE: u32 = 0o660;
    /// What the kernel's structure for it holds, without the byte that ends it.
    const PATH_BYTES_MAX: usize = 107;
    const PORT: u16 = 3000;

    /// Whether only this machine can reach the address, as far as one can tell without looking up a name.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Address::Unix { .. } => true,
            Address::Tcp { host, .. } => match host.parse::<IpAddr>() {
                Ok(address) => address.is_loopback(),
                Err(_) => host.eq_ignore_ascii_case("localhost"),
            },
        }
    }

    /// Whether the kernel would refuse to listen on both, as far as one can tell without looking up a name.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Address::Unix { path, .. }, Address::Unix { path: other, .. }) => path == other,
            (
                Address::Tcp { host, port },
                Address::Tcp {
                    host: other,
                    port: same,
                },
            ) => {
                let (one, two) = (&host.to_ascii_lowercase(), &other.to_ascii_lowercase());
                port == same && *port != 0 && (one == two || covers(one, two) || covers(two, one))
            }
            _ => false,
        }
    }

    pub(super) fn set_host(&mut self, to: String) {
        if let Address::Tcp { host, .. } = self {
            *host = to;
        }
    }

    pub(super) fn set_port(&mut self, to: u16) {
        if let Address::Tcp { port, .. } = self {
            *port = to;
        }
    }

    fn unix(path: &str) -> Result<Self, String> {
        if path.is_empty() || path.contains('\0') {
            return Err("expected the path of a socket, as in unix:/run/metric-nexus.sock".to_owned());
        }
        if path.len() > Self::PATH_BYTES_MAX {
            let (max, bytes) = (Self::PATH_BYTES_MAX, path.len());
            return Err(format!(
                "expected the path of a socket, which has at most {max} bytes, got one of {bytes}"
            ));
        }
        Ok(Address::Unix {
            path: path.into(),
            mode: Self::MODE,
        })
    }

    fn tcp(text: &str) -> Result<Self, String> {
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
        Ok(Address::Tcp { host, port })
    }
}

/// Whether listening on the one host takes the port of the other, too.
fn covers(one: &str, other: &str) -> bool {
    match one.parse() {
        Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => true,
        Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => other.parse::<Ipv6Addr>().is_err(),
        _ => false,
    }
}

impl Default for Address {
    fn default() -> Self {
        Address::Tcp {
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: Self::PORT,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    /// `host:port`, `[::1]:port`; `:port` is every IPv4 address of the machine; `unix:path`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some(path) => Self::unix(path),
            None if text.starts_with(['/', '.']) => {
                Err(format!("expected unix:{text} for a socket, got {}", quote(text)))
            }
            None => Self::tcp(text),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix { path, .. } => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An address or a name; empty means, as in metric-nexus, every IPv4 address of the machine.
pub(super) fn host(text: &str) -> Result<String, String> {
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
pub(super) fn port(value: &Value) -> Result<u16, String> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        _ => value.as_u64(),
    };
    number
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(|| format!("expected a port, 0 to 65535, got {}", describe(value)))
}

/// As `chmod` takes it. A number is refused, since YAML has read it already, as a decimal one.
pub(super) fn mode(value: &Value) -> Result<u32, String> {
    let octal = |text: &&str| matches!(text.len(), 3 | 4) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = value.as_str().filter(octal);
    mode.and_then(|text| u32::from_str_radix(text, 8).ok())
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| format!("expected permissions such as \"0660\", got {}", describe(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        fn check(text: &str, host: &str, port: u16, shown: &str) {
            let address: Address = text.parse().unwrap();
            let host = host.to_owned();
            assert_eq!(address, Address::Tcp { host, port }, "{text}");
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
    fn sockets() {
        fn check(text: &str, expected: &str) {
            let address: Address = text.parse().unwrap();
            let (path, mode) = (expected.into(), 0o660);
            assert_eq!(address, Address::Unix { path, mode });
            assert_eq!(address.to_string(), text);
        }
        check("unix:/run/metric-nexus.sock", "/run/metric-nexus.sock");
        check("unix:hub.sock", "hub.sock");
        check(&format!("unix:{}", "x".repeat(107)), &"x".repeat(107));
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
            assert_eq!(text.parse::<Address>(), Err(expected));
        }
        let check = |text: &str, expected: &str| assert_eq!(text.parse::<Address>(), Err(expected.to_owned()));
        check(
            "::1:3000",
            r#"expected an IPv6 address in brackets, as in [::1]:3000, got "::1:3000""#,
        );
        check(
            "unix:",
            "expected the path of a socket, as in unix:/run/metric-nexus.sock",
        );
        check("/run/x", r#"expected unix:/run/x for a socket, got "/run/x""#);
        check(
            &format!("unix:{}", "x".repeat(108)),
            "expected the path of a socket, which has at most 107 bytes, got one of 108",
        );
    }

    #[test]
    fn which_addresses_only_this_machine_reaches() {
        fn check(text: &str, expected: bool) {
            assert_eq!(text.parse::<Address>().unwrap().is_local(), expected, "{text}");
        }
        check("127.0.0.1:1", true);
        check("127.1.2.3:1", true);
        check("[::1]:1", true);
        check("localhost:1", true);
        check("unix:/run/x", true);
        check(":1", false);
        check("[::]:1", false);
        check("example.org:1", false);
    }

    #[test]
    fn which_addresses_cannot_both_be_listened_on() {
        fn check(one: &str, other: &str, expected: bool) {
            let (one, other): (Address, Address) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(one.overlaps(&other), expected, "{one} {other}");
            assert_eq!(other.overlaps(&one), expected, "{other} {one}");
        }
        check("127.0.0.1:1", "127.0.0.1:1", true);
        check("127.0.0.1:1", "127.0.0.1:2", false);
        check("127.0.0.1:0", "127.0.0.1:0", false);
        check("127.0.0.1:1", "127.0.0.2:1", false);
        check("Example.org:1", "example.org:1", true);
        check("0.0.0.0:1", "127.0.0.1:1", true);
        check("0.0.0.0:1", "[::1]:1", false);
        check("[::]:1", "[::1]:1", true);
        check("[::]:1", "127.0.0.1:1", true);
        check("[::]:1", "0.0.0.0:1", true);
        check("unix:/a", "unix:/a", true);
        check("unix:/a", "unix:/b", false);
        check("unix:a", "127.0.0.1:1", false);
    }

    #[test]
    fn permissions_are_octal() {
        fn check(yaml: &str, expected: Result<u32, &str>) {
            let value = yaml_serde::from_str(yaml).unwrap();
            assert_eq!(mode(&value), expected.map_err(str::to_owned), "{yaml}");
        }
        check("'0660'", Ok(0o660));
        check("'600'", Ok(0o600));
        check("'0777'", Ok(0o777));
        for wrong in ["'1777'", "'0680'", "''", "'66'", "rw-"] {
            let text = wrong.trim_matches('\'');
            let expected = format!("expected permissions such as \"0660\", got {text:?}");
            check(wrong, Err(&expected));
        }
        check("660", Err("expected permissions such as \"0660\", got 660"));
    }
}
