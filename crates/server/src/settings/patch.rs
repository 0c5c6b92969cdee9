//! What a request says of one number: nothing, `null`, or the number.

use std::fmt;

use nexus_metric::spelling;
use serde::{Deserializer, de};

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

/// A whole number, as the configuration takes it.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Wanted, D::Error> {
    deserializer.deserialize_any(Visitor {
        read: spelling::whole,
        expected: "a whole number",
    })
}

/// A number of bytes, as the configuration takes it.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Wanted, D::Error> {
    deserializer.deserialize_any(Visitor {
        read: spelling::size,
        expected: "a size such as 65536 or 16MiB",
    })
}

struct Visitor {
    read: fn(&str) -> Option<u64>,
    expected: &'static str,
}

impl Visitor {
    fn set<E: de::Error>(&self, number: Option<u64>, got: impl fmt::Debug) -> Result<Wanted, E> {
        let number = number.map(Wanted::Set);
        number.ok_or_else(|| E::custom(format!("expected {}, got {got:?}", self.expected)))
    }
}

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Wanted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} or null", self.expected)
    }

    fn visit_unit<E>(self) -> Result<Wanted, E> {
        Ok(Wanted::AsConfigured)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Wanted, E> {
        Ok(Wanted::Set(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Wanted, E> {
        self.set(u64::try_from(number).ok(), number)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Wanted, E> {
        self.set(spelling::whole_double(number), number)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Wanted, E> {
        self.set((self.read)(text), text)
    }
}
