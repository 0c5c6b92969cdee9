//! What a key may do.

use std::{fmt, str::FromStr};

/// One thing that a key may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// Read single values and what the hub knows about itself.
    Read,
    /// Create, change and delete metrics.
    Write,
    /// Read all metrics as Prometheus does.
    Scrape,
    /// Report the usage of others to the usage log, as a gateway does.
    Usage,
    /// Operate the hub: keys, limits, snapshots.
    Admin,
}

impl Scope {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Scope; 5] = [Scope::Read, Scope::Write, Scope::Scrape, Scope::Usage, Scope::Admin];

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Scrape => "scrape",
            Scope::Usage => "usage",
            Scope::Admin => "admin",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Scope::Read => 1,
            Scope::Write => 2,
            Scope::Scrape => 4,
            Scope::Admin => 8,
            Scope::Usage => 16,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == text);
        scope.ok_or_else(|| {
            // What is no scope may be anything, also long.
            let shown: String = text.chars().take(20).collect();
            format!("expected scopes out of read, write, scrape, usage, admin, got {shown:?}")
        })
    }
}

/// A set of scopes. Written with commas: `read,write`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Scopes(u8);

impl Scopes {
    /// All five.
    pub(crate) const ALL: Scopes = Scopes(31);
    /// `read`, `write`, `scrape`: what every key of metric-nexus may do, and a key of which nothing else is said.
    pub(crate) const CLIENT: Scopes = Scopes(7);

    /// Whether `scope` is among them.
    pub(crate) fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether there is none.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order of [`Scope::ALL`].
    pub(crate) fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Scopes(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl FromStr for Scopes {
    type Err = String;

    /// At least one, with commas, each perhaps between spaces.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(|word| word.trim().parse::<Scope>()).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{scope}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_in_any_order_and_written_in_one() {
        fn check(text: &str, expected: &str) {
            assert_eq!(text.parse::<Scopes>().unwrap().to_string(), expected);
        }
        check("read", "read");
        check("admin, read", "read,admin");
        check("write,write", "write");
        check("scrape,read,write", &Scopes::CLIENT.to_string());
        check("read,write,scrape,usage,admin", &Scopes::ALL.to_string());
        check("admin,usage", "usage,admin");
    }

    #[test]
    fn what_is_no_scope_is_named() {
        fn check(text: &str, named: &str) {
            let expected = format!("expected scopes out of read, write, scrape, usage, admin, got {named:?}");
            assert_eq!(text.parse::<Scopes>(), Err(expected));
        }
        check("", "");
        check("read,", "");
        check("Read", "Read");
        check("read write", "read write");
        check("read,root", "root");
    }

    #[test]
    fn a_set_contains_what_it_was_made_of() {
        for scope in Scope::ALL {
            let set = Scopes::from_iter([scope]);
            for other in Scope::ALL {
                assert_eq!(set.contains(other), scope == other);
            }
            assert!(Scopes::ALL.contains(scope));
        }
        assert!(Scopes::default().is_empty());
        assert!(!Scopes::CLIENT.contains(Scope::Admin) && !Scopes::CLIENT.contains(Scope::Usage));
    }
}
