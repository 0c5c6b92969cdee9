//! Who asks, and whether it may.

use std::sync::Arc;

use super::{Prefix, Scope, Scopes};

/// The name of the program that the hub runs in, as owner and on its account.
const HUB: &str = "hub";

/// Who asks for something: whoever has a key, or the program that the hub runs in. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// In the log, the usage, and as owner of series.
    pub(crate) name: Arc<str>,
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// Which metrics it may do that to; all if there is none.
    pub(crate) prefix: Option<Prefix>,
}

/// Whose usage somebody may report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportsFor {
    /// Its own.
    Itself,
    /// That of all keys and tenants.
    Everybody,
}

/// Why a key may not; says what it lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// The scope is not among the key's.
    #[error("the key {name} lacks the scope {missing}")]
    Scope {
        /// The key's name.
        name: Arc<str>,
        /// What would be needed.
        missing: Scope,
    },
    /// The metric's name does not begin with the key's prefix.
    #[error("the key {name} is only for metrics whose names begin with {prefix}")]
    Prefix {
        /// The key's name.
        name: Arc<str>,
        /// What the name would have to begin with.
        prefix: Prefix,
    },
}

impl Principal {
    /// The program that the hub runs in: it may everything.
    pub(crate) fn hub() -> Self {
        Principal {
            name: HUB.into(),
            scopes: Scopes::ALL,
            prefix: None,
        }
    }

    /// Whether it has the scope, for what concerns no single metric. A scrape or a list asks this, and then shows only
    /// what its prefix covers.
    ///
    /// # Errors
    /// [`Denied::Scope`].
    pub(crate) fn has(&self, scope: Scope) -> Result<(), Denied> {
        if self.scopes.contains(scope) {
            return Ok(());
        }
        let name = Arc::clone(&self.name);
        Err(Denied::Scope { name, missing: scope })
    }

    /// Whether it has the scope and covers the metric. No scope, not even `admin`, gets past a prefix.
    ///
    /// # Errors
    /// [`Denied::Scope`] first, then [`Denied::Prefix`].
    pub(crate) fn may(&self, scope: Scope, metric: &str) -> Result<(), Denied> {
        self.has(scope)?;
        match &self.prefix {
            Some(prefix) if !prefix.covers(metric) => Err(Denied::Prefix {
                name: Arc::clone(&self.name),
                prefix: prefix.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// What it may see and touch begins with one of these, if there are any.
    pub(crate) fn covered(&self) -> Vec<Box<str>> {
        self.prefix.as_ref().map_or_else(Vec::new, Prefix::spellings)
    }

    /// Whose usage it may report, of which bills are made: its own, if it may write; everybody's with the scope for that, or as an
    /// operator, who can make a key of that scope. A prefix is one of metrics, and bounds no account.
    ///
    /// # Errors
    /// [`Denied::Scope`].
    pub(crate) fn may_report(&self) -> Result<ReportsFor, Denied> {
        let is_operator = || self.has(Scope::Write).is_ok() && self.may(Scope::Admin, "").is_ok();
        if self.has(Scope::Usage).is_ok() || is_operator() {
            return Ok(ReportsFor::Everybody);
        }
        self.has(Scope::Write).map(|()| ReportsFor::Itself)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(scopes: &str, prefix: Option<&str>) -> Principal {
        Principal {
            name: "ci".into(),
            scopes: scopes.parse().unwrap(),
            prefix: prefix.map(|prefix| prefix.parse().unwrap()),
        }
    }

    #[test]
    fn a_principal_may_what_its_scopes_and_prefix_say() {
        fn check(scopes: &str, prefix: Option<&str>, asked: Scope, metric: &str, expected: Result<(), &str>) {
            let answer = principal(scopes, prefix)
                .may(asked, metric)
                .map_err(|denied| denied.to_string());
            assert_eq!(
                answer,
                expected.map_err(str::to_owned),
                "{scopes} {prefix:?} {asked} {metric}"
            );
        }
        check("write", None, Scope::Write, "jobs", Ok(()));
        check("write", Some("ci_"), Scope::Write, "ci_jobs", Ok(()));
        check(
            "read",
            None,
            Scope::Write,
            "jobs",
            Err("the key ci lacks the scope write"),
        );
        check(
            "admin",
            None,
            Scope::Write,
            "jobs",
            Err("the key ci lacks the scope write"),
        );
        check(
            "write",
            None,
            Scope::Admin,
            "jobs",
            Err("the key ci lacks the scope admin"),
        );
        let outside = Err("the key ci is only for metrics whose names begin with ci_");
        check("write", Some("ci_"), Scope::Write, "ci", outside);
        check("write", Some("ci_"), Scope::Write, "CI_jobs", outside);
        check("write", Some("my-app."), Scope::Write, "my_app_x", Ok(()));
        check("write", Some("my-app."), Scope::Write, "my-app.x", Ok(()));
        check("write,admin", Some("ci_"), Scope::Write, "jobs", outside);
        check("write,admin", Some("ci_"), Scope::Admin, "jobs", outside);
        check(
            "read",
            Some("ci_"),
            Scope::Write,
            "jobs",
            Err("the key ci lacks the scope write"),
        );
    }

    #[test]
    fn usage_of_others_is_reported_by_whom_it_was_given_to() {
        let check = |scopes: &str, prefix: Option<&str>, expected: Result<ReportsFor, &str>| {
            let answer = principal(scopes, prefix)
                .may_report()
                .map_err(|denied| denied.to_string());
            assert_eq!(answer, expected.map_err(str::to_owned), "{scopes} {prefix:?}");
        };
        check("usage", None, Ok(ReportsFor::Everybody));
        check("usage", Some("ci_"), Ok(ReportsFor::Everybody));
        check("write,admin", None, Ok(ReportsFor::Everybody));
        check("write,admin", Some("ci_"), Ok(ReportsFor::Itself));
        check("write", None, Ok(ReportsFor::Itself));
        check("read,write,scrape", None, Ok(ReportsFor::Itself));
        check("read,scrape", None, Err("the key ci lacks the scope write"));
        check("admin", None, Err("the key ci lacks the scope write"));
    }

    #[test]
    fn a_scope_alone_asks_for_no_prefix() {
        let key = principal("scrape", Some("ci_"));
        assert_eq!(key.has(Scope::Scrape), Ok(()));
        assert!(key.has(Scope::Read).is_err());
        assert!(key.may(Scope::Scrape, "ci_jobs").is_ok() && key.may(Scope::Scrape, "jobs").is_err());
    }
}
