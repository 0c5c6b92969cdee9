//! What a request says of one number: nothing, `null`, or the number.

use serde::{Deserialize, Deserializer};

/// What a request says of one number: left out, `null`, or the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Wanted {
    /// It stays what it is.
    #[default]
    AsItIs,
    /// It is what the configuration says.
    AsConfigured,
    /// It is this.
    Set(u64),
}

impl Wanted {
    pub(super) fn put_into(self, slot: &mut Option<u64>) {
        match self {
            Wanted::AsItIs => {}
            Wanted::AsConfigured => *slot = None,
            Wanted::Set(number) => *slot = Some(number),
        }
    }
}

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Wanted::AsConfigured, Wanted::Set))
    }
}
