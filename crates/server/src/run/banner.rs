use std::{
    fmt::Write as _,
    io::{self, Write as _},
    net::SocketAddr,
    path::Path,
};

use crate::{auth::FirstKey, hub::Hub};

/// Says on standard output where the hub is and how to talk to it. The first line is for scripts too: it ends in the address.
pub(super) fn print(hub: &Hub, address: SocketAddr, first_key: Option<&FirstKey>) {
    let text = text(hub, address, first_key);
    // A closed output is no reason not to serve.
    let _ = io::stdout()
        .write_all(text.as_bytes())
        .and_then(|()| io::stdout().flush());
    if let Some(FirstKey::Written(path)) = first_key {
        tracing::warn!(file = %path.display(), "the admin key is in this file: take it, and delete the file");
    }
}

fn text(hub: &Hub, address: SocketAddr, first_key: Option<&FirstKey>) -> String {
    let url = format!("{}://{address}", hub.scheme());
    let mut out = format!("Metric Nexus {} listens on {url}\n", env!("CARGO_PKG_VERSION"));
    let config = hub.config();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name:<12} {value}");
    };
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
    if let Some(first_key) = first_key {
        out.push_str(&try_it(&reachable(hub.scheme(), address), ca.as_deref(), first_key));
    }
    out
}

/// Where a client on this machine finds the hub: nobody connects to "every address", and no certificate is valid for it.
fn reachable(scheme: &str, address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("{scheme}://localhost:{}", address.port())
    } else {
        format!("{scheme}://{address}")
    }
}

/// Lines to paste into another terminal, wherever that is.
fn try_it(url: &str, ca: Option<&Path>, first_key: &FirstKey) -> String {
    let (set_ca, use_ca, export_ca) = match ca {
        Some(ca) => (format!(" CA={}", word(ca)), " --cacert \"$CA\"", " METRIC_NEXUS_CA=$CA"),
        None => (String::new(), "", ""),
    };
    let key = match first_key {
        FirstKey::Show(secret) => secret.expose().to_owned(),
        FirstKey::Written(path) => format!("$(cat {})", word(path)),
    };
    format!(
        r#"
Try it: paste this into another terminal.
  HUB={url}{set_ca} KEY={key}
  export METRIC_NEXUS_URL=$HUB{export_ca} METRIC_NEXUS_KEY=$KEY    # for the command nexus and the client
  hub() {{ curl -sS{use_ca} -H "Authorization: Bearer $KEY" -w '\n' "$@"; }}
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
    fn a_hub_on_every_address_is_reached_by_name() {
        let check = |address: &str, expected: &str| {
            assert_eq!(reachable("https", address.parse().unwrap()), expected);
        };
        check("0.0.0.0:3000", "https://localhost:3000");
        check("[::]:3000", "https://localhost:3000");
        check("[::1]:3000", "https://[::1]:3000");
        check("10.0.0.7:3000", "https://10.0.0.7:3000");
    }
}
