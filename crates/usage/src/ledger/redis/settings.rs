//! How to reach a Redis server or Cluster.

use std::{fmt, str::FromStr, time::Duration};

use crate::{BreakerSettings, Secret};

/// How to reach a Redis server or Cluster.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// Where to find it: of one server its address; of a Cluster those of some nodes, which know the others.
    pub addresses: Vec<RedisAddress>,
    /// What answers there.
    pub topology: RedisTopology,
    /// Who we are. Default: the user `default`.
    pub username: Option<String>,
    /// What proves it.
    pub password: Option<Secret>,
    /// Which database of one server; a Cluster has 0 only. Default 0.
    pub database: u32,
    /// Whether and how connections are encrypted. Default: they are not.
    pub tls: RedisTls,
    /// What every key begins with, before a colon; without braces, which would move keys to other slots. Default `nexus`.
    pub key_prefix: String,
    /// How long a connection may take to be made. Default 1 s.
    pub connect_timeout: Duration,
    /// How long Redis may take to answer, each time it is asked. A push asks once per [`RedisSettings::PUSH_CELLS_MAX`] cells.
    /// Default 1 s.
    pub operation_timeout: Duration,
    /// After how many failures it is left alone, and how often it is seen whether it is back.
    pub breaker: BreakerSettings,
}

impl RedisSettings {
    /// How many cells are sent before their answers are waited for.
    pub const PUSH_CELLS_MAX: usize = 1_000;

    /// One server, and the defaults.
    pub fn one(address: RedisAddress) -> Self {
        RedisSettings::new(vec![address], RedisTopology::One)
    }

    /// A Cluster that these nodes belong to, and the defaults.
    pub fn cluster(nodes: Vec<RedisAddress>) -> Self {
        RedisSettings::new(nodes, RedisTopology::Cluster)
    }

    fn new(addresses: Vec<RedisAddress>, topology: RedisTopology) -> Self {
        RedisSettings {
            addresses,
            topology,
            username: None,
            password: None,
            database: 0,
            tls: RedisTls::Off,
            key_prefix: "nexus".to_owned(),
            connect_timeout: Duration::from_secs(1),
            operation_timeout: Duration::from_secs(1),
            breaker: BreakerSettings::default(),
        }
    }
}

/// What answers at the addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisTopology {
    /// One server: the first address.
    One,
    /// Nodes of a Cluster.
    Cluster,
}

/// How connections are encrypted. Certificates are always verified.
#[derive(Debug, Clone)]
pub enum RedisTls {
    /// They are not.
    Off,
    /// With a certificate signed by an authority that this machine trusts.
    SystemAuthorities,
    /// With a certificate signed by one of these authorities, in PEM.
    Authorities(Vec<u8>),
}

/// A host and a port, written `host:port` or `[::1]:port`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RedisAddress {
    pub(super) host: String,
    pub(super) port: u16,
}

impl FromStr for RedisAddress {
    type Err = RedisAddressError;

    fn from_str(text: &str) -> Result<Self, RedisAddressError> {
        let malformed = || RedisAddressError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(malformed)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        // Of an address with colons in it, only brackets say where it ends.
        if host.is_empty() || (bare.is_none() && host.contains(':')) {
            return Err(malformed());
        }
        Ok(RedisAddress {
            host: host.to_owned(),
            port: port.parse().map_err(|_| malformed())?,
        })
    }
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RedisAddress { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// This is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an address is written host:port, not {0:?}")]
pub struct RedisAddressError(String);

#[cfg(test)]
mod tests {
    use super::RedisAddress;

    #[test]
    fn addresses_are_read_and_written() {
        let check = |text: &str, expected: Option<(&str, u16)>| {
            let read: Option<RedisAddress> = text.parse().ok();
            let found = read.as_ref().map(|address| (address.host.as_str(), address.port));
            assert_eq!(found, expected, "{text:?}");
            if let Some(address) = read {
                assert_eq!(address.to_string(), text);
            }
        };
        check("redis.example:6379", Some(("redis.example", 6379)));
        check("127.0.0.1:1", Some(("127.0.0.1", 1)));
        check("[::1]:6379", Some(("::1", 6379)));
        check("::1:6379", None);
        check("redis.example", None);
        check("redis.example:", None);
        check("redis.example:65536", None);
        check(":6379", None);
        check("[]:6379", None);
        check("", None);
    }
}
