//! `listen`, `plain_http`: where the hub is reached, and what is spoken there.

mod address;

pub(crate) use address::Address;

use super::{section::Section, units};
use std::{slice, str::FromStr};
use yaml_serde::Value;

/// The listeners of the hub. Setting `listen` (or metric-nexus's `host` and `port`), flag `--listen`, environment
/// `METRIC_NEXUS_LISTEN`; `127.0.0.1:3000` where nothing is said. In the file one text or a list of texts and mappings, in the
/// environment texts with commas between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen {
    /// Setting `plain_http`, flag `--plain-http`, environment `METRIC_NEXUS_PLAIN_HTTP`: whether listeners that do not say
    /// what they speak do without TLS. For a proxy on the same machine, and for trying things out.
    pub(crate) plain_http: bool,
    /// Never none.
    listeners: Vec<Listener>,
}

/// One of them, as it was said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Listener {
    protocol: Option<Protocol>,
    address: Address,
}

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/2 and HTTP/1.1 over TLS.
    Https,
    /// HTTP/1.1 without TLS: keys and values can be read on the way.
    Http,
    /// HTTP/2 without TLS, by prior knowledge: the client begins with it, and asks for no upgrade.
    H2c,
}

const PROTOCOLS: [(&str, Protocol); 3] = [
    ("https", Protocol::Https),
    ("http", Protocol::Http),
    ("h2c", Protocol::H2c),
];

impl Protocol {
    /// As the setting has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Protocol::Https => "https",
            Protocol::Http => "http",
            Protocol::H2c => "h2c",
        }
    }

    /// As a URL has it.
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Protocol::Https => "https",
            Protocol::Http | Protocol::H2c => "http",
        }
    }
}

impl Listen {
    const LISTENERS_MAX: usize = 64;

    /// Each, with what is spoken there: what it says, else plain HTTP on a unix socket, since nobody listens on the way, and
    /// TLS elsewhere unless [`plain_http`](Self::plain_http) says otherwise.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = (Protocol, &Address)> {
        self.listeners.iter().map(|listener| {
            let protocol = listener.protocol.unwrap_or(match &listener.address {
                Address::Unix { .. } => Protocol::Http,
                Address::Tcp { .. } if self.plain_http => Protocol::Http,
                Address::Tcp { .. } => Protocol::Https,
            });
            (protocol, &listener.address)
        })
    }

    /// Whether a certificate is needed.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.listeners().any(|(protocol, _)| protocol == Protocol::Https)
    }

    /// What is legal but unwise.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        let plain = self
            .listeners()
            .filter(|(protocol, address)| *protocol != Protocol::Https && !address.is_local());
        plain.map(|(_, address)| {
            format!("keys and values travel unencrypted: plain HTTP on {address}, which other machines reach")
        })
    }

    /// From `listen`, or from `host` and `port`; and from `plain_http`.
    pub(super) fn read(top: &Section<'_>) -> Self {
        let mut listen = Listen::default();
        let old = [("host", top.has("host")), ("port", top.has("port"))];
        if top.has("listen") {
            for (name, _) in old.into_iter().filter(|(_, there)| *there) {
                top.error(name, "says the same as `listen`: give only one of them");
            }
        }
        listen.read_list(top);
        if let [Listener { address, .. }] = listen.listeners.as_mut_slice() {
            if let Some(host) = top.get("host", |value| address::host(units::string(value)?)) {
                address.set_host(host);
            }
            if let Some(port) = top.get("port", address::port) {
                address.set_port(port);
            }
        }
        top.set("plain_http", &mut listen.plain_http, units::bool);
        listen
    }

    fn read_list(&mut self, top: &Section<'_>) {
        let (items, alone) = match top.get("listen", Ok) {
            None => return,
            Some(Value::Sequence(items)) => (items.as_slice(), false),
            Some(one) => (slice::from_ref(one), true),
        };
        let mut found = Vec::new();
        for (index, item) in items.iter().enumerate().take(Self::LISTENERS_MAX) {
            found.extend(match item {
                Value::Mapping(_) => Listener::read(top.item("listen", index, item)),
                _ if alone => top.get("listen", units::parsed),
                _ => {
                    let parsed = units::parsed(item);
                    parsed.map_err(|text| top.error(&format!("listen[{index}]"), text)).ok()
                }
            });
        }
        for text in wrong_together(&found, items.len()) {
            top.error("listen", text);
        }
        self.put(found);
    }

    /// Takes texts from outside the file; or says all that is wrong with them.
    pub(super) fn set_texts<'a>(&mut self, texts: impl Iterator<Item = &'a str>) -> Vec<String> {
        let (mut found, mut wrong, mut said) = (Vec::new(), Vec::new(), 0);
        for text in texts.take(Self::LISTENERS_MAX + 1) {
            said += 1;
            match text.trim().parse() {
                Ok(listener) => found.push(listener),
                Err(text) => wrong.push(text),
            }
        }
        wrong.extend(wrong_together(&found, said));
        self.put(found);
        wrong
    }

    fn put(&mut self, found: Vec<Listener>) {
        if !found.is_empty() {
            self.listeners = found;
        }
    }
}

/// What is wrong with listeners of which each is right.
fn wrong_together(listeners: &[Listener], said: usize) -> Vec<String> {
    let max = Listen::LISTENERS_MAX;
    if said == 0 {
        return vec!["expected at least one address".to_owned()];
    }
    if said > max {
        return vec![format!("expected at most {max} addresses, got more")];
    }
    let addresses = || listeners.iter().map(|listener| &listener.address).enumerate();
    let pairs = addresses().flat_map(|(index, one)| addresses().skip(index + 1).map(move |(_, other)| (one, other)));
    let overlapping = pairs.filter(|(one, other)| one.overlaps(other));
    overlapping
        .map(|(one, other)| match one.to_string() == other.to_string() {
            true => format!("{one} stands there twice: one listener has it alone"),
            false => format!("{one} and {other} overlap, so only one of them can be listened on: leave one out, or give it another port"),
        })
        .collect()
}

impl Default for Listen {
    fn default() -> Self {
        Listen {
            plain_http: false,
            listeners: vec![Listener::default()],
        }
    }
}

impl Listener {
    /// `protocol`, `address`, and for a socket `mode`.
    fn read(section: Section<'_>) -> Option<Self> {
        let protocol = section.get("protocol", |value| units::choice(units::string(value)?, &PROTOCOLS));
        let address = section.get("address", units::parsed);
        let has_address = section.has("address");
        let mode = section.get("mode", address::mode);
        if !has_address {
            section.error("address", "missing: where to listen, such as 127.0.0.1:3000");
        }
        let address = match (address, mode) {
            (Some(Address::Unix { path, .. }), Some(mode)) => Some(Address::Unix { path, mode }),
            (Some(Address::Tcp { .. }), Some(_)) => {
                section.error("mode", "only a unix socket has permissions");
                None
            }
            (address, _) => address,
        };
        section.finish();
        let address = address?;
        Some(Listener { protocol, address })
    }
}

impl FromStr for Listener {
    type Err = String;

    /// An address, or what is spoken there before it: `https://127.0.0.1:3000`, `h2c://unix:/run/metric-nexus.sock`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (protocol, address) = match text.split_once("://") {
            Some((protocol, address)) => (Some(units::choice(protocol, &PROTOCOLS)?), address),
            None => (None, text),
        };
        let address = address.parse()?;
        Ok(Listener { protocol, address })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{listening, load, mistakes};

    #[test]
    fn listeners_say_what_they_speak_or_it_is_what_their_address_is_for() {
        fn check(yaml: &str, expected: &[&str]) {
            assert_eq!(listening(&load(yaml).unwrap()), expected, "{yaml}");
        }
        check("", &["https://127.0.0.1:3000"]);
        check("plain_http: true", &["http://127.0.0.1:3000"]);
        check("listen: ':80'", &["https://0.0.0.0:80"]);
        check("host: ''\nport: '80'", &["https://0.0.0.0:80"]);
        check("listen: 'unix:/run/x'", &["http://unix:/run/x"]);
        check("listen: 'h2c://localhost:80'", &["h2c://localhost:80"]);
        check(
            "listen: ['127.0.0.1:1', 'http://127.0.0.1:2', 'https://unix:/run/x', 'unix:/run/y']\nplain_http: true",
            &[
                "http://127.0.0.1:1",
                "http://127.0.0.1:2",
                "https://unix:/run/x",
                "http://unix:/run/y",
            ],
        );
        check(
            "listen:\n- {protocol: https, address: '[::]:443'}\n- {protocol: h2c, address: 'unix:/run/x', mode: '0600'}\n- {address: '127.0.0.1:80'}",
            &["https://[::]:443", "h2c://unix:/run/x", "https://127.0.0.1:80"],
        );
    }

    #[test]
    fn all_that_is_wrong_with_listeners_is_said_at_once() {
        fn check(yaml: &str, expected: &[&str]) {
            assert_eq!(mistakes(yaml), expected, "{yaml}");
        }
        check("listen: []", &["listen: expected at least one address"]);
        check("listen: 3000", &["listen: expected a text, got 3000"]);
        check(
            "listen: ['ftp://127.0.0.1:1', {protocol: quic, address: here, mode: 0o660, port: 1}, {protocol: http}, {address: '127.0.0.1:2', mode: '0600'}]",
            &[
                r#"listen[0]: expected https or http or h2c, got "ftp""#,
                r#"listen[1].protocol: expected https or http or h2c, got "quic""#,
                r#"listen[1].address: expected an address such as 127.0.0.1:3000, got "here""#,
                r#"listen[1].mode: expected permissions such as "0660", got 432"#,
                "listen[1].port: unknown setting; known here: protocol, address, mode",
                "listen[2].address: missing: where to listen, such as 127.0.0.1:3000",
                "listen[3].mode: only a unix socket has permissions",
            ],
        );
        check(
            "listen: ['127.0.0.1:1', 'http://127.0.0.1:1', '0.0.0.0:1']",
            &[
                "listen: 127.0.0.1:1 stands there twice: one listener has it alone",
                "listen: 127.0.0.1:1 and 0.0.0.0:1 overlap, so only one of them can be listened on: leave one out, or give it another port",
                "listen: 127.0.0.1:1 and 0.0.0.0:1 overlap, so only one of them can be listened on: leave one out, or give it another port",
            ],
        );
        let many: Vec<String> = (1..=65).map(|port| format!("'127.0.0.1:{port}'")).collect();
        check(
            &format!("listen: [{}]", many.join(", ")),
            &["listen: expected at most 64 addresses, got more"],
        );
    }
}
