//! What a hub is to be, said by the program that it is part of.

use std::path::Path;

use super::{Hub, StartError};
use crate::{
    auth::{ApiKey, Digest, KeySource, Scopes},
    config::{Certificate, Config, Durability, StatePaths},
};

/// What a [`Hub`] is to be; see each method for what holds where nothing is said.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct HubBuilder {
    config: Config,
}

impl HubBuilder {
    /// Where the state is kept: a directory, or metric-nexus' state file. `state` where nothing is said.
    pub fn state(mut self, path: impl AsRef<Path>) -> Self {
        self.config.state = StatePaths::at(path.as_ref());
        self
    }

    /// Lets in whoever has this key, for reading, writing and scraping. Without any key, the first start makes one, and
    /// writes it to `admin.key` in the state directory.
    pub fn api_key(mut self, key: &str) -> Self {
        let digest = Digest::of(key);
        let name = format!("config-{}", digest.short()).into();
        self.config.keys.push(ApiKey {
            name,
            digest,
            scopes: Scopes::CLIENT,
            prefix: None,
            created: None,
            source: KeySource::Config,
        });
        self
    }

    /// What an acknowledged write survives; [`Durability::Sync`] where nothing is said.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.config.durability = durability;
        self
    }

    /// Serves without TLS: keys and values can be read on the way.
    pub fn plain_http(mut self) -> Self {
        self.config.listen.plain_http = true;
        self
    }

    /// Serves with this certificate instead of one that the hub makes; both files are PEM, and are made if neither exists.
    pub fn certificate(mut self, cert: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.config.tls.certificate = Certificate::Files {
            cert: cert.as_ref().to_owned(),
            key: key.as_ref().to_owned(),
        };
        self
    }

    /// A name or an address by which clients reach the hub, for the certificate that it makes.
    pub fn name(mut self, name: &str) -> Self {
        self.config.tls.names.push(name.to_owned());
        self
    }

    /// Opens the state directory and starts the writer. Blocks the thread for as long as the state takes to read.
    ///
    /// # Errors
    /// The state cannot be read, is damaged, or another hub runs on it; keys or certificate cannot be read.
    pub fn open(self) -> Result<Hub, StartError> {
        Ok(Hub::open(self.config, false)?.hub)
    }
}
