//! The idempotency keys of batches that come from a spool.

use std::fmt;

/// Names a sealed log, a batch made from it, a batch made from that one, and so on: `NUMBER-RANDOM.PART.PART…`.
///
/// As text they sort in the order in which their items were appended. A batch's key is its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(String);

impl Key {
    /// The key of a log that comes after all batches up to number `last`; 32 random hexadecimal digits make it the only one.
    pub(super) fn after(last: u64, random: &str) -> Self {
        Key(format!("{:010}-{random}", last.saturating_add(1)))
    }

    pub(super) fn part(&self, number: usize) -> Self {
        Key(format!("{}.{number:06}", self.0))
    }

    /// What this one was made from, directly or not.
    pub(super) fn sources(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('.').filter_map(|(at, _)| self.0.get(..at))
    }

    pub(super) fn number(&self) -> u64 {
        let number = self.0.split('-').next();
        number.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    /// Reads the name of a file without its ending.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, rest) = text.split_once('-')?;
        let (random, parts) = rest.split_at_checked(32)?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_key = digits(number)
            && number.parse::<u64>().is_ok()
            && random.bytes().all(|byte| byte.is_ascii_hexdigit())
            && parts.split('.').skip(1).all(digits)
            && (parts.is_empty() || parts.starts_with('.'));
        is_key.then(|| Key(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file in `batches/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BatchName {
    pub(super) key: Key,
    pub(super) tried: Option<Tried>,
}

/// That a batch may have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tried {
    /// When for the first time, in milliseconds since 1970.
    pub(super) since_ms: u64,
    /// To which hub, with which API key. Idempotency keys mean nothing to another.
    pub(super) target: u64,
}

impl BatchName {
    pub(super) fn parse(name: &str) -> Option<Self> {
        if let Some(key) = name.strip_suffix(".new") {
            let key = Key::parse(key)?;
            return Some(BatchName { key, tried: None });
        }
        let (key, tried) = name.split_once(".tried-")?;
        let (since, target) = tried.split_once('-')?;
        let tried = Tried {
            since_ms: since.parse().ok()?,
            target: u64::from_str_radix(target, 16).ok()?,
        };
        let key = Key::parse(key)?;
        Some(BatchName {
            key,
            tried: Some(tried),
        })
    }
}

impl fmt::Display for BatchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tried {
            None => write!(f, "{}.new", self.key),
            Some(Tried { since_ms, target }) => write!(f, "{}.tried-{since_ms}-{target:016x}", self.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let log = Key::after(41, "000000000000000000000000000000ab");
        let batch = BatchName {
            key: log.part(0).part(12),
            tried: Some(Tried {
                since_ms: 1_700_000_000_000,
                target: 0xbeef,
            }),
        };
        assert_eq!(
            batch.to_string(),
            "0000000042-000000000000000000000000000000ab.000000.000012.tried-1700000000000-000000000000beef"
        );
        assert_eq!(BatchName::parse(&batch.to_string()), Some(batch.clone()));
        let fresh = BatchName { tried: None, ..batch };
        assert_eq!(BatchName::parse(&fresh.to_string()), Some(fresh));
        assert_eq!(log.number(), 42);
    }

    #[test]
    fn other_files_are_not_taken_for_batches() {
        for name in [
            "",
            ".new",
            "a.new",
            "1-ab.new",
            "x.tmp",
            "0000000042-000000000000000000000000000000ab",
        ] {
            assert_eq!(BatchName::parse(name), None, "{name}");
        }
        let key = Key::after(0, &"1".repeat(32));
        for wrong in [
            ".tried-",
            ".tried-1",
            ".tried-x-1",
            ".tried-1-x",
            "x.new",
            ".new.tmp",
            "..new",
            ".x.new",
        ] {
            assert_eq!(BatchName::parse(&format!("{key}{wrong}")), None, "{wrong}");
        }
    }

    #[test]
    fn keys_sort_as_their_items_were_appended() {
        let (first, second) = (Key::after(0, &"9".repeat(32)), Key::after(1, &"3".repeat(32)));
        let keys = [
            first.part(0),
            first.part(1).part(0),
            first.part(1).part(1),
            first.part(2),
            second.part(0),
        ];
        assert!(keys.is_sorted());
        let sources: Vec<&str> = keys[2].sources().collect();
        assert_eq!(sources, [first.as_str(), first.part(1).as_str()]);
        assert_eq!(first.sources().count(), 0);
    }
}
