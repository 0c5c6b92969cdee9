//! A key.

use super::{Digest, Principal, Scope, Scopes};
use jiff::Timestamp;
use nexus_metric::plain_spelling;
use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

/// An API key as the hub knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKey {
    /// Who it belongs to: in the log, the usage, the scope of idempotency. Unique among all keys of a hub.
    pub(crate) name: Arc<str>,
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// Which metrics it may do that to; all if there is none.
    pub(crate) prefix: Option<Prefix>,
    /// Of the key itself.
    pub(crate) digest: Digest,
    /// When it was made; unknown for keys of the configuration file.
    pub(crate) created: Option<Timestamp>,
    /// Where it stands.
    pub(crate) source: KeySource,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// In the configuration file: only the operator changes it there, and the hub takes that at a start.
    Config,
    /// In `keys.yaml`.
    KeysFile,
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeySource::Config => "configuration",
            KeySource::KeysFile => "keys.yaml",
        })
    }
}

impl ApiKey {
    /// Whether it may do everything that operators do, for all metrics.
    pub(crate) fn administers(&self) -> bool {
        self.scopes.contains(Scope::Admin) && self.prefix.is_none()
    }

    /// Whoever has it.
    pub(crate) fn principal(&self) -> Principal {
        Principal {
            name: Arc::clone(&self.name),
            scopes: self.scopes,
            prefix: self.prefix.clone(),
        }
    }
}

/// What the names of a key's metrics begin with; not empty. It covers a name that begins with it, or with its plain spelling:
/// that is what the simple paths make of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Prefix(Arc<str>);

impl Prefix {
    const BYTES_MAX: usize = 512;

    /// As it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `metric` begins with it.
    pub(crate) fn covers(&self, metric: &str) -> bool {
        metric.starts_with(&*self.0) || metric.starts_with(&*plain_spelling(&self.0))
    }

    /// What the names that it covers begin with.
    pub(crate) fn spellings(&self) -> Vec<Box<str>> {
        spellings(&self.0)
    }
}

/// The beginning of a name as it was given, and in its plain spelling if that is another.
pub(crate) fn spellings(beginning: &str) -> Vec<Box<str>> {
    let mut spellings = vec![beginning.into()];
    if let Cow::Owned(plain) = plain_spelling(beginning) {
        spellings.push(plain.into());
    }
    spellings
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let visible = !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if (1..=Self::BYTES_MAX).contains(&text.len()) && visible {
            return Ok(Prefix(text.into()));
        }
        Err("expected a prefix of 1 to 512 bytes without spaces, such as team_".to_owned())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key may be named.
pub(crate) const NAME_RULE: &str = "a name of 1 to 64 letters, digits, '.', '_' and '-'";

/// The text, if a key may be named so.
pub(crate) fn check_name(text: &str) -> Option<Arc<str>> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    ((1..=64).contains(&text.len()) && text.bytes().all(legal)).then(|| text.into())
}

/// What is legal but unwise about a key.
pub(crate) fn warnings(name: &str, scopes: Scopes, prefix: Option<&Prefix>) -> Vec<String> {
    let Some(prefix) = prefix else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    let plain = plain_spelling(prefix.as_str());
    if !plain.ends_with('_') {
        warnings.push(format!(
            "the prefix {prefix} of the key {name} does not end in _, so it also covers {prefix}x_…"
        ));
    }
    if let Cow::Owned(plain) = &plain {
        warnings.push(format!(
            "the prefix {prefix} of the key {name} also covers {plain}…, which is what names in paths become"
        ));
    }
    if ["metric_nexus_", "__"].iter().any(|ours| plain.starts_with(ours)) {
        warnings.push(format!(
            "the prefix {prefix} of the key {name} covers only names that belong to the hub, which nobody can write"
        ));
    }
    if scopes.contains(Scope::Admin) {
        warnings.push(format!(
            "the scope admin of the key {name} concerns the whole hub, whatever its prefix"
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys() {
        fn check(text: &str, good: bool) {
            assert_eq!(check_name(text).is_some(), good, "{text:?}");
        }
        check("a", true);
        check("Team-1.ci_worker", true);
        check(&"x".repeat(64), true);
        check(&"x".repeat(65), false);
        check("", false);
        check("a b", false);
        check("a/b", false);
        check("ä", false);
    }

    #[test]
    fn prefixes() {
        fn check(text: &str, good: bool) {
            assert_eq!(text.parse::<Prefix>().is_ok(), good, "{text:?}");
        }
        check("t", true);
        check("team.größe_", true);
        check(&"x".repeat(512), true);
        check(&"x".repeat(513), false);
        check("", false);
        check("a b", false);
        check("a\n", false);
    }

    #[test]
    fn what_is_unwise_is_said() {
        fn check(scopes: &str, prefix: Option<&str>, expected: &[&str]) {
            let prefix: Option<Prefix> = prefix.map(|prefix| prefix.parse().unwrap());
            assert_eq!(warnings("ci", scopes.parse().unwrap(), prefix.as_ref()), expected);
        }
        check("read,admin", None, &[]);
        check("read", Some("team_"), &[]);
        check(
            "read",
            Some("team"),
            &["the prefix team of the key ci does not end in _, so it also covers teamx_…"],
        );
        check(
            "read",
            Some("my-app."),
            &["the prefix my-app. of the key ci also covers my_app_…, which is what names in paths become"],
        );
        check(
            "read",
            Some("metric-nexus_"),
            &[
                "the prefix metric-nexus_ of the key ci also covers metric_nexus_…, which is what names in paths become",
                "the prefix metric-nexus_ of the key ci covers only names that belong to the hub, which nobody can write",
            ],
        );
        check(
            "admin",
            Some("team_"),
            &["the scope admin of the key ci concerns the whole hub, whatever its prefix"],
        );
    }
}
