//! Who may do what: API keys, their scopes and prefixes, and where they come from.
//!
//! A key is a secret text of 256 random bits. The hub keeps only its SHA-256, by which it is also found, so neither a
//! stolen `keys.yaml` nor the time that a look-up takes tells anything about a key (and that is why no slow password
//! hash is needed). Keys stand in the configuration file, or in `keys.yaml` of the
//! state directory ([`KeysFile`]), which `metric-nexus key` changes beside a running hub; [`Keyring`] is both together.
//!
//! **Scopes are explicit**: `admin` does not imply `read`, `write` or `scrape`, and no scope widens a prefix. Only the
//! key made at the first start has all four.

mod api_key;
mod credentials;
mod digest;
mod first_key;
mod keyring;
mod keys_file;
mod principal;
mod scope;
mod secret;
mod strangers;

pub(crate) use api_key::{ApiKey, KeySource, NAME_RULE, Prefix, check_name, spellings, warnings};
pub(crate) use credentials::{CredentialError, credentials, hide as hide_keys};
pub(crate) use digest::Digest;
pub(crate) use first_key::{FirstKey, ensure_admin_key};
pub(crate) use keyring::{Keyring, Reload};
pub(crate) use keys_file::{KeysError, KeysFile, NewKey};
pub(crate) use principal::{Denied, Principal, ReportsFor};
pub(crate) use scope::{Scope, Scopes};
pub(crate) use secret::Secret;
pub(crate) use strangers::strangers;
