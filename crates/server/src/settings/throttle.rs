//! Limits on bandwidth that were set live.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::patch::{self, Wanted};
use crate::{
    config::{RATE, Rates, Throttle},
    json::Object,
};

/// What of the bandwidth was set live.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ThrottleSet {
    #[serde(skip_serializing_if = "RatesSet::is_empty")]
    server: RatesSet,
    #[serde(skip_serializing_if = "RatesSet::is_empty")]
    connection: RatesSet,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    keys: BTreeMap<String, RatesSet>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct RatesSet {
    #[serde(skip_serializing_if = "Option::is_none")]
    read_bytes_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_bytes_per_second: Option<u64>,
}

/// How the bandwidth is to change: what is left out stays as it is, `null` is what the configuration says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThrottleChange {
    /// All connections together.
    #[serde(default)]
    #[schema(value_type = RatesChange)]
    server: Object<RatesChange>,
    /// Each connection.
    #[serde(default)]
    #[schema(value_type = RatesChange)]
    connection: Object<RatesChange>,
    /// All requests of a key together, by the key's name.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, RatesChange>)]
    keys: BTreeMap<String, Option<Object<RatesChange>>>,
}

/// Bytes a second, 0 is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RatesChange {
    /// What the hub reads from clients.
    #[serde(default, deserialize_with = "patch::size")]
    #[schema(value_type = Option<u64>)]
    read_bytes_per_second: Wanted,
    /// What the hub writes to clients.
    #[serde(default, deserialize_with = "patch::size")]
    #[schema(value_type = Option<u64>)]
    write_bytes_per_second: Wanted,
}

impl ThrottleChange {
    /// The keys that it names to set something, not to forget it.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys
            .iter()
            .filter(|(_, rates)| rates.is_some())
            .map(|(name, _)| &**name)
    }

    /// The first number that no rate may be, by its path in the request.
    pub(crate) fn out_of_range(&self) -> Option<String> {
        let keys = self
            .keys
            .iter()
            .filter_map(|(name, rates)| Some((format!("keys.{name}"), (*rates)?.0)));
        [
            ("server".to_owned(), self.server.0),
            ("connection".to_owned(), self.connection.0),
        ]
        .into_iter()
        .chain(keys)
        .find_map(|(path, rates)| Some(format!("{path}.{}", rates.out_of_range()?)))
    }
}

impl RatesChange {
    fn out_of_range(self) -> Option<&'static str> {
        let wrong = |wanted| matches!(wanted, Wanted::Set(rate) if !RATE.contains(&rate));
        [
            ("read_bytes_per_second", self.read_bytes_per_second),
            ("write_bytes_per_second", self.write_bytes_per_second),
        ]
        .into_iter()
        .find_map(|(name, wanted)| wrong(wanted).then_some(name))
    }
}

impl ThrottleSet {
    pub(super) fn is_empty(&self) -> bool {
        *self == ThrottleSet::default()
    }

    pub(super) fn change(&mut self, change: &ThrottleChange) {
        self.server.change(change.server.0);
        self.connection.change(change.connection.0);
        for (name, wanted) in &change.keys {
            match wanted {
                None => drop(self.keys.remove(name)),
                Some(rates) => self.keys.entry(name.clone()).or_default().change(rates.0),
            }
        }
        self.keys.retain(|_, rates| !rates.is_empty());
    }

    /// What counts, where the configuration says `configured`.
    pub(super) fn over(&self, configured: &Throttle) -> Throttle {
        let mut throttle = configured.clone();
        self.server.over(&mut throttle.server);
        self.connection.over(&mut throttle.connection);
        for (name, rates) in &self.keys {
            rates.over(throttle.keys.entry(name.clone()).or_default());
        }
        throttle
    }

    /// A line for each number that is another than the configuration says.
    pub(super) fn wins_over(&self, configured: &Throttle) -> Vec<String> {
        let of_key = |name: &String| configured.keys.get(name).copied().unwrap_or_default();
        let keys = self
            .keys
            .iter()
            .map(|(name, rates)| (format!("keys.{name}"), *rates, of_key(name)));
        [
            ("server".to_owned(), self.server, configured.server),
            ("connection".to_owned(), self.connection, configured.connection),
        ]
        .into_iter()
        .chain(keys)
        .flat_map(|(path, set, configured)| set.wins_over(&path, configured))
        .collect()
    }
}

impl RatesSet {
    fn is_empty(&self) -> bool {
        *self == RatesSet::default()
    }

    fn change(&mut self, change: RatesChange) {
        change.read_bytes_per_second.put_into(&mut self.read_bytes_per_second);
        change.write_bytes_per_second.put_into(&mut self.write_bytes_per_second);
    }

    fn over(self, rates: &mut Rates) {
        if let Some(rate) = self.read_bytes_per_second {
            rates.read_bytes_per_second = rate;
        }
        if let Some(rate) = self.write_bytes_per_second {
            rates.write_bytes_per_second = rate;
        }
    }

    fn wins_over(self, path: &str, configured: Rates) -> Vec<String> {
        [
            (
                "read_bytes_per_second",
                self.read_bytes_per_second,
                configured.read_bytes_per_second,
            ),
            (
                "write_bytes_per_second",
                self.write_bytes_per_second,
                configured.write_bytes_per_second,
            ),
        ]
        .into_iter()
        .filter_map(|(name, set, configured)| Some((name, set?, configured)))
        .filter(|(_, set, configured)| set != configured)
        .map(|(name, set, configured)| format!("throttle.{path}.{name} is {set}, not {configured}"))
        .collect()
    }
}
