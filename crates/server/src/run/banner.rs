//! Says where the hub is and how to talk to it.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write as _},
    net::SocketAddr,
    path::Path,
};

use crate::{
    auth::FirstKey,
    config::{LogFormat, Protocol},
    hub::{Bound, Hub},
    serve::Listener,
};

/// Says on standard output where the hub is and how to talk to it. The first line is for scripts too: it ends in the address.
///
/// The log says the same. Where it is JSON and nobody sits before a terminal, it alone does, since whoever collects both
/// wants to read all of it.
pub(super) fn print(hub: &Hub, listeners: &[Bound], first_key: Option<&FirstKey>) {
    for bound in listeners {
        tracing::info!(address = bound.url(), "listening");
    }
    if hub.config().log.format == LogFormat::Text || io::stdout().is_terminal() {
        let text = text(hub, listeners, first_key);
        // A closed output is no reason not to serve.
        let _ = io::stdout()
            .write_all(text.as_bytes())
            .and_then(|()| io::stdout().flush());
    }
    if let Some(FirstKey::Written(path)) = first_key {
        tracing::warn!(file = %path.display(), "the admin key is in this file: take it, and delete the file");
    }
}

fn text(hub: &Hub, listeners: &[Bound], first_key: Option<&FirstKey>) -> String {
    let mut urls = listeners.iter().map(Bound::url);
    let first = urls.next().unwrap_or_default();
    let mut out = format!("Metric Nexus {} listens on {first}\n", env!("CARGO_PKG_VERSION"));
    let config = hub.config();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name:<12} {value}");
    };
    for url in urls {
        line("and on", &url);
    }
    line(
        "state",
        &format!("{} (durability {})", config.state.snapshot.display(), config.durability),
    );
    let ca = hub.ca_file();
    if let Some(ca) = &ca {
        line("ca", &ca.display().to_string());
    }
    if let Some(fingerprint) = hub.fingerprint() {
        line("fingerprint", &format!("sha256:{fingerprint}"));
    }
    match first_key {
        Some(FirstKey::Show(secret)) => line("admin key", &format!("{} (shown this once: keep it)", secret.expose())),
        Some(FirstKey::Written(path)) => line("admin key", &format!("in {}", path.display())),
        None => {}
    }
    for (place, addresses) in elsewhere(hub, listeners).iter().enumerate() {
        let hint = match place {
            0 => "  (under another name: --name NAME)",
            _ => "",
        };
        let _ = writeln!(out, "  from other machines: {addresses}{hint}");
    }
    if let (Some(first_key), Some(reach)) = (first_key, Reach::best(listeners)) {
        out.push_str(&try_it(&reach, ca.as_deref(), first_key));
    }
    out
}

/// How many of its names and addresses are shown.
const NAMES_SHOWN_MAX: usize = 3;

/// For each listener on all addresses, how other machines reach it.
fn elsewhere(hub: &Hub, listeners: &[Bound]) -> Vec<String> {
    let on_all = listeners.iter().filter_map(|bound| match &bound.listener {
        Listener::Tcp(listener) => {
            let address = listener.local_addr().ok()?;
            address
                .ip()
                .is_unspecified()
                .then_some((bound.protocol, address.port()))
        }
        Listener::Unix(_) => None,
    });
    let shown = |(protocol, port)| urls(protocol, port, &hub.names_for_others());
    on_all.map(shown).filter(|urls| !urls.is_empty()).collect()
}

/// The first few of a hub's names as addresses for a client.
fn urls(protocol: Protocol, port: u16, names: &[String]) -> String {
    let scheme = protocol.scheme();
    let url = |name: &String| match name.contains(':') {
        true => format!("{scheme}://[{name}]:{port}"),
        false => format!("{scheme}://{name}:{port}"),
    };
    let urls: Vec<String> = names.iter().take(NAMES_SHOWN_MAX).map(url).collect();
    urls.join(", ")
}

/// How a client on this machine talks to the hub.
#[derive(Debug, PartialEq, Eq)]
struct Reach {
    url: String,
    /// What curl is to be told beside the URL.
    curl: String,
    /// Whether our client and the command `nexus` can, too: they know neither sockets nor HTTP/2 without TLS.
    is_for_clients: bool,
}

impl Reach {
    /// By the first listener that every client can talk to, else by the first.
    fn best(listeners: &[Bound]) -> Option<Self> {
        let reaches = || listeners.iter().filter_map(Self::of);
        reaches()
            .find(|reach| reach.is_for_clients)
            .or_else(|| reaches().next())
    }

    fn of(bound: &Bound) -> Option<Self> {
        match &bound.listener {
            Listener::Tcp(listener) => Some(Self::tcp(bound.protocol, listener.local_addr().ok()?)),
            Listener::Unix(socket) => Some(Self::unix(bound.protocol, socket.path())),
        }
    }

    /// Nobody connects to "every address", and no certificate is valid for it.
    fn tcp(protocol: Protocol, address: SocketAddr) -> Self {
        let scheme = protocol.scheme();
        Reach {
            url: match address.ip().is_unspecified() {
                true => format!("{scheme}://localhost:{}", address.port()),
                false => format!("{scheme}://{address}"),
            },
            curl: prior_knowledge(protocol).to_owned(),
            is_for_clients: protocol != Protocol::H2c,
        }
    }

    fn unix(protocol: Protocol, path: &Path) -> Self {
        Reach {
            url: format!("{}://localhost", protocol.scheme()),
            curl: format!(" --unix-socket {}{}", word(path), prior_knowledge(protocol)),
            is_for_clients: false,
        }
    }
}

fn prior_knowledge(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::H2c => " --http2-prior-knowledge",
        Protocol::Https | Protocol::Http => "",
    }
}

/// Lines to paste into another terminal, wherever that is.
fn try_it(reach: &Reach, ca: Option<&Path>, first_key: &FirstKey) -> String {
    let Reach { url, curl, .. } = reach;
    let (set_ca, use_ca, export_ca) = match ca.filter(|_| url.starts_with("https:")) {
        Some(ca) => (format!(" CA={}", word(ca)), " --cacert \"$CA\"", " METRIC_NEXUS_CA=$CA"),
        None => (String::new(), "", ""),
    };
    let key = match first_key {
        FirstKey::Show(secret) => secret.expose().to_owned(),
        FirstKey::Written(path) => format!("$(cat {})", word(path)),
    };
    let export = match reach.is_for_clients {
        true => format!(
            "\n  export METRIC_NEXUS_URL=$HUB{export_ca} METRIC_NEXUS_KEY=$KEY    # for the command nexus and the client"
        ),
        false => String::new(),
    };
    format!(
        r#"
Try it: paste this into another terminal.
  HUB={url}{set_ca} KEY={key}{export}
  hub() {{ curl -sS{curl}{use_ca} -H "Authorization: Bearer $KEY" -w '\n' "$@"; }}
  hub -X PUT "$HUB/hello_total/inc?from=me&__type__=counter"
  hub "$HUB/hello_total?from=me"
  hub "$HUB/__metrics?prefix=hello"

"#
    )
}

/// A path as one word of a shell, from whatever directory it is used.
fn word(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_word_of_a_shell() {
        let check = |path: &str, expected: &str| assert_eq!(word(Path::new(path)), expected);
        check("/var/lib/metric-nexus/tls/ca.pem", "/var/lib/metric-nexus/tls/ca.pem");
        check("/my state/ca.pem", "'/my state/ca.pem'");
        check("/it's/$HOME", r"'/it'\''s/$HOME'");
    }

    #[test]
    fn other_machines_are_told_names_and_addresses() {
        let check = |names: &[&str], expected: &str| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(urls(Protocol::Https, 3000, &names), expected);
        };
        check(&[], "");
        check(
            &["hub.example.org", "10.9.8.7", "2001:db8::1", "vm"],
            "https://hub.example.org:3000, https://10.9.8.7:3000, https://[2001:db8::1]:3000",
        );
    }

    #[test]
    fn a_hub_on_every_address_is_reached_by_name() {
        let check = |address: &str, expected: &str| {
            assert_eq!(Reach::tcp(Protocol::Https, address.parse().unwrap()).url, expected);
        };
        check("0.0.0.0:3000", "https://localhost:3000");
        check("[::]:3000", "https://localhost:3000");
        check("[::1]:3000", "https://[::1]:3000");
        check("10.0.0.7:3000", "https://10.0.0.7:3000");
    }

    #[test]
    fn what_curl_must_be_told_for_other_listeners_is_told() {
        let key = FirstKey::Written("/s/admin.key".into());
        let check = |reach: &Reach, expected: &[&str]| {
            let said = try_it(reach, Some(Path::new("/s/ca.pem")), &key);
            let lines: Vec<&str> = said.lines().skip(2).take(expected.len()).collect();
            assert_eq!(lines, expected);
        };
        check(
            &Reach::unix(Protocol::Http, Path::new("/run/my hub")),
            &[
                "  HUB=http://localhost KEY=$(cat /s/admin.key)",
                r#"  hub() { curl -sS --unix-socket '/run/my hub' -H "Authorization: Bearer $KEY" -w '\n' "$@"; }"#,
            ],
        );
        check(
            &Reach::tcp(Protocol::H2c, ([127, 0, 0, 1], 80).into()),
            &[
                "  HUB=http://127.0.0.1:80 KEY=$(cat /s/admin.key)",
                r#"  hub() { curl -sS --http2-prior-knowledge -H "Authorization: Bearer $KEY" -w '\n' "$@"; }"#,
            ],
        );
        check(
            &Reach::tcp(Protocol::Https, ([127, 0, 0, 1], 443).into()),
            &[
                "  HUB=https://127.0.0.1:443 CA=/s/ca.pem KEY=$(cat /s/admin.key)",
                "  export METRIC_NEXUS_URL=$HUB METRIC_NEXUS_CA=$CA METRIC_NEXUS_KEY=$KEY    # for the command nexus and the client",
            ],
        );
    }
}
