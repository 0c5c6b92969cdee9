//! `tls`: with which certificate the hub answers.

use super::{section::Section, units};
use std::path::PathBuf;

/// Settings of TLS; without effect under `plain_http`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tls {
    /// `tls.cert` and `tls.key`, or metric-nexus's `cert` and `key` at the top; made by the hub where nothing (or the
    /// empty text) is said.
    pub(crate) certificate: Certificate,
    /// `tls.names`: host names and addresses that a certificate made by the hub is valid for, beside `localhost`, the
    /// address it listens on (where that is all, those of the machine) and the machine's name. None by default.
    pub(crate) names: Vec<String>,
}

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Certificate {
    /// The hub makes an authority and a certificate in its state directory.
    #[default]
    Generated,
    /// The operator's own.
    Files {
        /// PEM: the certificate and what lies between it and its authority.
        cert: PathBuf,
        /// PEM: the private key.
        key: PathBuf,
    },
}

impl Tls {
    const NAMES_MAX: usize = 100;

    pub(super) fn read(top: &Section<'_>) -> Self {
        let section = top.section("tls");
        let tls = Tls {
            certificate: Certificate::read(top, &section),
            names: read_names(&section),
        };
        section.finish();
        tls
    }

    /// Names from outside the file, in place of its own; gives what is wrong with them.
    pub(super) fn set_names<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let (names, wrong): (Vec<_>, Vec<_>) = names.map(str::trim).map(read_name).partition(Result::is_ok);
        self.names = names.into_iter().flatten().collect();
        let mut wrong: Vec<String> = wrong.into_iter().filter_map(Result::err).collect();
        wrong.extend(too_many(self.names.len()));
        wrong
    }
}

impl Certificate {
    fn read(top: &Section<'_>, section: &Section<'_>) -> Self {
        let read = |name: &'static str| {
            let (ours, old) = (section.get(name, units::path), top.get(name, units::path));
            if ours.is_some() && old.is_some() {
                top.error(name, format!("says the same as `tls.{name}`: give only one of them"));
            }
            ours.or(old).flatten()
        };
        match (read("cert"), read("key")) {
            (Some(cert), Some(key)) => Certificate::Files { cert, key },
            (None, None) => Certificate::Generated,
            (Some(_), None) => {
                section.error("key", "missing, since there is a `cert`: give both or neither");
                Certificate::Generated
            }
            (None, Some(_)) => {
                section.error("cert", "missing, since there is a `key`: give both or neither");
                Certificate::Generated
            }
        }
    }
}

fn read_names(section: &Section<'_>) -> Vec<String> {
    let items = section.list("names");
    if let Some(error) = too_many(items.len()) {
        section.error("names", error);
    }
    let mut names = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let read = match item.as_str() {
            Some(name) => read_name(name),
            None => Err(not_a_name(&super::section::describe(item))),
        };
        match read {
            Ok(name) => names.push(name),
            Err(error) => section.error(&format!("names[{index}]"), error),
        }
    }
    names
}

/// A name, wherever it is given: a host name, also `*.example.org`, or an address.
fn read_name(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '*');
    match (1..=253).contains(&text.len()) && text.chars().all(legal) {
        true => Ok(text.to_owned()),
        false => Err(not_a_name(&super::section::quote(text))),
    }
}

fn not_a_name(got: &str) -> String {
    format!("expected a host name or an address, got {got}")
}

fn too_many(names: usize) -> Option<String> {
    let max = Tls::NAMES_MAX;
    (names > max).then(|| format!("expected at most {max} names, got {names}"))
}
