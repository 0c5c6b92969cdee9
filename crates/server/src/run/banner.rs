use std::{
    fmt::Write as _,
    io::{self, Write as _},
    net::SocketAddr,
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
        Some(FirstKey::Show(secret)) => line("admin key", &format!("{} (shown this once)", secret.expose())),
        Some(FirstKey::Written(path)) => line("admin key", &format!("in {}", path.display())),
        None => {}
    }
    if let Some(first_key) = first_key {
        out.push_str(&try_it(&url, ca.as_deref(), first_key));
    }
    out
}

/// Lines to paste.
fn try_it(url: &str, ca: Option<&std::path::Path>, first_key: &FirstKey) -> String {
    let key = match first_key {
        FirstKey::Show(secret) => secret.expose().to_owned(),
        FirstKey::Written(path) => format!("$(cat {})", path.display()),
    };
    let trust = ca.map(|ca| format!(" --cacert {}", ca.display())).unwrap_or_default();
    let curl = format!("curl -s{trust} -H \"Authorization: Bearer $KEY\"");
    format!(
        "\nTry it:\n  KEY={key}\n  {curl} -X PUT '{url}/jobs_total/inc?queue=mail&__type__=counter'\n  {curl} '{url}/jobs_total?queue=mail'\n  {curl} '{url}/__metrics?prefix=jobs_'\n\n"
    )
}
