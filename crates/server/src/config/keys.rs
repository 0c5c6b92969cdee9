//! `keys`: API keys that stand in the configuration file itself. Of each only the digest is kept.
//!
//! An entry has a `name` (`config-` and the first eight hexadecimal digits of the digest where nothing is said), the `key`
//! or its `sha256`, `scopes` (`read`, `write`, `scrape` where nothing is said, which is what a key of metric-nexus may do)
//! and a `prefix` (only metrics whose names begin with it; all where nothing is said).

use super::{section::Section, state::Form, units};
use crate::auth::{ApiKey, Digest, KeySource, NAME_RULE, Prefix, Scope, Scopes, check_name};
use nexus_metric::spelling;
use std::{collections::HashSet, sync::Arc};
use yaml_serde::Value;

/// How many keys the file may have.
const KEYS_MAX: usize = 100_000;
/// Below this a key is likely to be guessed.
const KEY_BYTES_ADVISED: usize = 16;
/// What fits into a request's header with room to spare.
const KEY_BYTES_MAX: usize = 4096;

/// Reads the list `keys`, and adds to `warnings`.
pub(super) fn read(top: &Section<'_>, warnings: &mut Vec<String>) -> Vec<ApiKey> {
    let items = top.list("keys");
    if items.len() > KEYS_MAX {
        top.error("keys", format!("expected at most {KEYS_MAX} keys, got {}", items.len()));
        return Vec::new();
    }
    let mut keys: Vec<ApiKey> = Vec::new();
    let (mut names, mut digests) = (HashSet::new(), HashSet::new());
    for (index, item) in items.iter().enumerate() {
        let Some(key) = read_one(top, index, item, warnings) else {
            continue;
        };
        let fresh_digest = digests.insert(key.digest);
        if !fresh_digest && item.is_string() {
            // metric-nexus takes the same key twice, so its file must go on working.
            continue;
        }
        let place = format!("keys[{index}]");
        if !fresh_digest {
            top.error(&place, "the same key stands there already");
        } else if !names.insert(Arc::clone(&key.name)) {
            top.error(&place, format!("another key is named {} already", key.name));
        }
        warnings.extend(warnings_of(&key));
        keys.push(key);
    }
    keys
}

/// Whether a key is written as metric-nexus writes it.
pub(super) fn form(top: &Section<'_>) -> Form {
    match top.list_if_any("keys").iter().any(Value::is_string) {
        true => Form::MetricNexus,
        false => Form::Ours,
    }
}

fn read_one(top: &Section<'_>, index: usize, item: &Value, warnings: &mut Vec<String>) -> Option<ApiKey> {
    let place = format!("keys[{index}]");
    let (name, digest, scopes, prefix) = match item {
        Value::String(text) => {
            let key = plain_key(text).map_err(|text| top.error(&place, text)).ok()?;
            warnings.extend(short(&place, text));
            (None, Digest::of(key), None, None)
        }
        Value::Mapping(_) => {
            let section = top.item("keys", index, item);
            let name = section.get("name", |value| name(units::string(value)?));
            let digest = digest(&section, &place, warnings);
            let scopes = section.get("scopes", scopes);
            let prefix = section.get("prefix", units::parsed::<Prefix>);
            section.finish();
            (name, digest?, scopes, prefix)
        }
        // Neither shown nor converted: 012 and 1e5 are numbers to YAML, and not the key that was meant.
        _ => {
            top.error(
                &place,
                "expected a key in quotes, or a mapping with name, key or sha256, scopes, prefix",
            );
            return None;
        }
    };
    Some(ApiKey {
        name: name.unwrap_or_else(|| format!("config-{}", digest.short()).into()),
        digest,
        scopes: scopes.unwrap_or(Scopes::CLIENT),
        prefix,
        created: None,
        source: KeySource::Config,
    })
}

fn digest(section: &Section<'_>, place: &str, warnings: &mut Vec<String>) -> Option<Digest> {
    let both = section.has("key") && section.has("sha256");
    let neither = !section.has("key") && !section.has("sha256");
    if both || neither {
        section.error_here("expected either `key` or `sha256`");
    }
    let key = section.get("key", |value| {
        let text = value.as_str().ok_or("expected a key in quotes")?;
        warnings.extend(short(place, text));
        plain_key(text).map(Digest::of)
    });
    let digest = section.get("sha256", |value| {
        let digest = value.as_str().and_then(Digest::from_hex);
        digest.ok_or_else(|| "expected 64 hexadecimal digits in quotes, the SHA-256 of the key".to_owned())
    });
    key.or(digest)
}

fn name(text: &str) -> Result<Arc<str>, String> {
    check_name(text).ok_or_else(|| format!("expected {NAME_RULE}, got {}", super::section::quote(text)))
}

/// A list of scopes, or the same as one text with commas.
fn scopes(value: &Value) -> Result<Scopes, String> {
    let Value::Sequence(items) = value else {
        return units::parsed(value);
    };
    let scopes: Scopes = items.iter().map(units::parsed::<Scope>).collect::<Result<_, _>>()?;
    if scopes.is_empty() {
        Err("expected at least one scope".to_owned())
    } else {
        Ok(scopes)
    }
}

fn plain_key(text: &str) -> Result<&str, String> {
    let text = spelling::secret(text);
    let wrong = if text.is_empty() {
        "expected a key, got an empty text"
    } else if text.len() > KEY_BYTES_MAX {
        "expected a key of at most 4096 bytes"
    } else if text.trim() != text || text.chars().any(char::is_control) {
        "a key cannot begin or end with a space, or hold control characters: no header carries it"
    } else {
        return Ok(text);
    };
    Err(wrong.to_owned())
}

fn short(place: &str, key: &str) -> Option<String> {
    let key = spelling::secret(key);
    let is_short = !key.is_empty() && key.len() < KEY_BYTES_ADVISED;
    is_short.then(|| {
        format!("{place}: a key of fewer than {KEY_BYTES_ADVISED} characters can be guessed; `metric-nexus key new` makes a safe one")
    })
}

fn warnings_of(key: &ApiKey) -> Vec<String> {
    crate::auth::warnings(&key.name, key.scopes, key.prefix.as_ref())
}
