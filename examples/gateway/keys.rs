//! Who may ask: `keys.yaml`, and the key in a request.

use std::{collections::HashMap, fs, num::NonZeroU32, path::Path, sync::Arc};

use anyhow::{Context, bail, ensure};
use http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use nexus_throttle::Rate;
use serde::{Deserialize, Deserializer, de::Error};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The SHA-256 of a key.
type Digest = [u8; 32];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    keys: Vec<KeySettings>,
}

/// A key, as the file says it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeySettings {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) tenant: String,
    #[serde(deserialize_with = "digest")]
    sha256: Digest,
    #[serde(default)]
    pub(crate) monthly: Monthly,
    pub(crate) requests_per_second: Option<NonZeroU32>,
    #[serde(default, deserialize_with = "rate")]
    pub(crate) bandwidth: Rate,
    #[serde(default, deserialize_with = "rate")]
    pub(crate) connection_bandwidth: Rate,
}

/// How much a key may use in a month; 0 is unlimited.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Monthly {
    pub(crate) requests: u64,
    pub(crate) egress_bytes: u64,
    pub(crate) ingress_bytes: u64,
}

pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<KeySettings>> {
    let name = || format!("cannot read the keys in {}", file.display());
    let text = fs::read_to_string(file).with_context(name)?;
    let File { keys } = yaml_serde::from_str(&text).with_context(name)?;
    ensure!(
        !keys.is_empty(),
        "{}: there is no key, so nobody could ask",
        file.display()
    );
    Ok(keys)
}

/// What the keys open, by their digests.
pub(crate) struct Keyring<T>(HashMap<Digest, Arc<T>>);

impl<T> Keyring<T> {
    pub(crate) fn new(opened: impl IntoIterator<Item = (KeySettings, Arc<T>)>) -> anyhow::Result<Self> {
        let mut ring = HashMap::new();
        for (key, what) in opened {
            if ring.insert(key.sha256, what).is_some() {
                bail!("the key {} is there twice", key.name);
            }
        }
        Ok(Keyring(ring))
    }

    /// What the key in these headers opens. What is looked for is the digest of what was presented: nobody can choose its bytes,
    /// so the time that it takes says nothing of any key.
    pub(crate) fn find(&self, headers: &HeaderMap) -> Option<&Arc<T>> {
        let presented: Digest = Sha256::digest(presented(headers)?).into();
        let (known, what) = self.0.get_key_value(&presented)?;
        bool::from(known.ct_eq(&presented)).then_some(what)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.values()
    }
}

/// `X-API-Key: KEY`, else `Authorization: Bearer KEY`. A header that is there twice is no key.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    if headers.contains_key(X_API_KEY) {
        return single(headers, &X_API_KEY);
    }
    let (scheme, key) = single(headers, &AUTHORIZATION)?.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.as_bytes())
}

fn digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || D::Error::custom("sha256 is expected to be 64 hexadecimal digits, as sha256sum prints them");
    let is_hex = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let mut digest = Digest::default();
    for (at, byte) in digest.iter_mut().enumerate() {
        let digits = text.get(2 * at..2 * at + 2).filter(|_| is_hex).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
    }
    Ok(digest)
}

fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Bytes(u64),
        Text(String),
    }
    match Written::deserialize(deserializer)? {
        Written::Bytes(bytes) => Ok(Rate::bytes_per_second(bytes)),
        Written::Text(text) => text.parse().map_err(D::Error::custom),
    }
}
