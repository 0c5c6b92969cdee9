//! The settings of a client that are taken from the environment.

use std::ffi::OsString;

use crate::Error;

use super::trusted::Trusted;

const URL: &str = "METRIC_NEXUS_URL";
const KEY: &str = "METRIC_NEXUS_KEY";
const FINGERPRINT: &str = "METRIC_NEXUS_FINGERPRINT";
const CA: &str = "METRIC_NEXUS_CA";
/// Where a hub listens that was told nothing else.
const URL_DEFAULT: &str = "https://127.0.0.1:3000";

/// What the environment says of the hub, as it is; what is empty is not said. Looked at only where it is needed, so that
/// what the program says itself wins over it, right or wrong.
#[derive(Clone)]
pub(super) struct Environment {
    url: Option<OsString>,
    key: Option<OsString>,
    fingerprint: Option<OsString>,
    ca: Option<OsString>,
}

impl Environment {
    pub(super) fn look_up(variable: impl Fn(&'static str) -> Option<OsString>) -> Self {
        let given = |name| variable(name).filter(|value| !value.is_empty());
        Environment {
            url: given(URL),
            key: given(KEY),
            fingerprint: given(FINGERPRINT),
            ca: given(CA),
        }
    }

    /// What `read` makes of the address.
    pub(super) fn url<T>(&self, read: impl FnOnce(&str) -> Result<T, Error>) -> Result<T, Error> {
        let url = text(URL, self.url.as_ref())?;
        read(url.unwrap_or(URL_DEFAULT)).map_err(|error| error.of(URL))
    }

    /// What `read` makes of the key.
    pub(super) fn key<T>(&self, read: impl FnOnce(&str) -> Result<T, Error>) -> Result<T, Error> {
        match text(KEY, self.key.as_ref())? {
            Some(key) => read(key).map_err(|error| error.of(KEY)),
            None => Err(Error::invalid(format!(
                "{KEY} is not set: it must hold a key that the hub knows"
            ))),
        }
    }

    pub(super) fn trusted(&self) -> Result<Trusted, Error> {
        if self.ca.is_some() && self.fingerprint.is_some() {
            return Err(Error::invalid(format!(
                "{CA} and {FINGERPRINT} are both set: unset one of them"
            )));
        }
        let mut trusted = Trusted::default();
        if let Some(path) = &self.ca {
            trusted.file(path.into());
        }
        let fingerprints = text(FINGERPRINT, self.fingerprint.as_ref())?.unwrap_or_default();
        for fingerprint in fingerprints.split([',', ' ', '\t', '\n', '\r']) {
            if !fingerprint.is_empty() {
                trusted.fingerprint(fingerprint.to_owned());
            }
        }
        if self.fingerprint.is_some() && trusted.is_nothing() {
            return Err(Error::invalid(format!("{FINGERPRINT} has no fingerprint in it")));
        }
        Ok(trusted)
    }

    /// The variable that [`Environment::trusted`] is from.
    pub(super) fn trusted_variable(&self) -> &'static str {
        if self.ca.is_some() { CA } else { FINGERPRINT }
    }
}

fn text<'a>(name: &str, value: Option<&'a OsString>) -> Result<Option<&'a str>, Error> {
    // Not shown: it may be the key.
    let not_text = || Error::invalid(format!("{name} is not UTF-8"));
    value.map(|value| value.to_str().ok_or_else(not_text)).transpose()
}
