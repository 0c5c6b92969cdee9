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
}
