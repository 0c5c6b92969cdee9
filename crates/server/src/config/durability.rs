//! `durability`: what an acknowledged write survives.

use super::units::choice;
use std::{fmt, str::FromStr};

/// What an acknowledged write survives. Setting `durability`, flag `--durability`, environment
/// `METRIC_NEXUS_DURABILITY`; [`Durability::Sync`] where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// `sync`: power loss. The journal is synced to the disk before a write is acknowledged, once for all writes that
    /// wait together.
    #[default]
    Sync,
    /// `flush`: a hub that is killed or crashes, but not power loss or a crash of the operating system. The journal is
    /// handed to the operating system before a write is acknowledged.
    Flush,
    /// `snapshot`: an orderly shutdown. There is no journal; after a crash everything since the last snapshot is lost,
    /// by default a minute. This is what metric-nexus promises.
    Snapshot,
}

const WORDS: [(&str, Durability); 3] = [
    ("sync", Durability::Sync),
    ("flush", Durability::Flush),
    ("snapshot", Durability::Snapshot),
];

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        choice(text, &WORDS)
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Durability::Sync => "sync",
            Durability::Flush => "flush",
            Durability::Snapshot => "snapshot",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for (word, durability) in WORDS {
            assert_eq!(word.parse(), Ok(durability));
            assert_eq!(durability.to_string(), word);
        }
        assert_eq!(
            "Sync".parse::<Durability>(),
            Err("expected sync or flush or snapshot, got \"Sync\"".to_owned())
        );
    }
}
