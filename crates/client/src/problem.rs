//! The hub's own words for a refusal (RFC 9457).

use serde::Deserialize;

/// Why the hub refused a request, in its own words (RFC 9457).
#[derive(Debug, Clone, PartialEq)]
pub struct Problem(Fields);

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Fields {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<RefusedItem>,
}

/// Why one change of a batch cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RefusedItem {
    index: usize,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    detail: String,
}

impl RefusedItem {
    /// The change's place in the batch, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The sort of problem, as [`Problem::kind`].
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What is wrong with it; for people.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.detail
    }
}

impl Problem {
    /// Reads the body of an answer; none if it is something else, such as the page of a proxy.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().map(Problem)
    }

    /// The sort of problem, such as `urn:metric-nexus:problem:unknown-metric`. Stable: programs may compare it.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The status in words, such as `Not Found`.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// What was wrong, and where; for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The changes of a batch that cannot be, by their place; at most a hundred of them.
    #[must_use]
    pub fn items(&self) -> &[RefusedItem] {
        &self.0.errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_read_and_other_things_are_not() {
        let check = |body: &str, expected: Option<[&str; 3]>| {
            let problem = Problem::parse(body.as_bytes());
            let found = problem.as_ref().map(|p| [p.kind(), p.title(), p.detail()]);
            assert_eq!(found, expected, "{body}");
        };
        check(
            r#"{"type":"urn:x","title":"Not Found","status":404,"detail":"there is no metric m","errors":[]}"#,
            Some(["urn:x", "Not Found", "there is no metric m"]),
        );
        check(r#"{"type":"about:blank"}"#, Some(["about:blank", "", ""]));
        check(r#"{"title":"Not Found"}"#, None);
        check(r#"{"type":1}"#, None);
        check("<html>502 Bad Gateway</html>", None);
        check("", None);
    }

    #[test]
    fn refused_items_are_read() {
        let body = r#"{"type":"urn:x","errors":[{"index":3,"type":"urn:y","detail":"no"},{"index":5}]}"#;
        let problem = Problem::parse(body.as_bytes()).unwrap();
        let found: Vec<_> = problem
            .items()
            .iter()
            .map(|item| (item.index(), item.kind(), item.reason()))
            .collect();
        assert_eq!(found, [(3, "urn:y", "no"), (5, "", "")]);
    }
}
