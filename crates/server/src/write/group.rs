//! The name of a group of series that are pushed together: a job, and labels that tell its groups apart.

use std::{borrow::Cow, fmt, sync::Arc};

use nexus_metric::{LabelError, Labels};

/// Names a group: the label `job` and grouping labels, sorted by name, in one canonical text. Unlike a series' labels, one
/// with an empty value belongs to the name: `{job="a",x=""}` is another group than `{job="a"}`. Cheap to clone.
///
/// The text is as that of [`Labels`], empty values included.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GroupKey(Arc<Box<str>>);

/// Why something names no group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GroupError {
    #[error("a group needs a job: the label job, not empty")]
    NoJob,
    #[error(transparent)]
    Label(#[from] LabelError),
    #[error("malformed group {0:?}")]
    Malformed(String),
}

impl GroupKey {
    /// The group of these labels, `job` among them.
    ///
    /// # Errors
    /// No job, a name that no label has, or one given twice.
    pub(crate) fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, GroupError> {
        let mut pairs: Vec<(N, V)> = pairs.into_iter().collect();
        // Whatever labels refuse, and their order.
        Labels::from_slice(&mut pairs)?;
        if !pairs
            .iter()
            .any(|(name, value)| name.as_ref() == "job" && !value.as_ref().is_empty())
        {
            return Err(GroupError::NoJob);
        }
        let texts = pairs
            .iter()
            .map(|(name, value)| pair_text(name.as_ref(), value.as_ref()));
        let text = texts.collect::<Result<Vec<_>, LabelError>>()?.join(",");
        Ok(GroupKey(Arc::new(text.into())))
    }

    /// Reads the text that [`GroupKey::as_str`] gives.
    ///
    /// # Errors
    /// Whatever [`GroupKey::from_pairs`] refuses, and any text that is not exactly what it would have written.
    pub(crate) fn from_text(text: &str) -> Result<Self, GroupError> {
        let key = GroupKey::from_pairs(Labels::pairs_of(text))?;
        match key.as_str() == text {
            true => Ok(key),
            false => Err(GroupError::Malformed(text.to_owned())),
        }
    }

    /// The canonical text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Its labels, by name, unescaped; values may be empty.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        Labels::pairs_of(&self.0)
    }
}

/// One pair as labels write it, also if its value is empty.
fn pair_text(name: &str, value: &str) -> Result<String, LabelError> {
    // An empty value would leave the label out: another one takes its place for a moment.
    let shown = if value.is_empty() { "-" } else { value };
    let labels = Labels::from_pairs([(name, shown)])?;
    let text = labels.as_text();
    match value.is_empty() {
        true => Ok(format!("{}\"\"", text.strip_suffix("\"-\"").unwrap_or(text))),
        false => Ok(text.to_owned()),
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.0)
    }
}

impl fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_one_text_in_which_empty_labels_count() {
        let check = |pairs: &[(&str, &str)], expected: Result<&str, &str>| {
            let key = GroupKey::from_pairs(pairs.iter().copied());
            let found = key.as_ref().map(GroupKey::as_str).map_err(ToString::to_string);
            assert_eq!(
                found.as_ref().map_err(|error| &**error),
                expected.as_ref().map_err(|error| *error)
            );
            if let Ok(key) = key {
                assert_eq!(GroupKey::from_text(key.as_str()), Ok(key.clone()));
                let mut sorted = pairs.to_vec();
                sorted.sort_unstable();
                assert!(
                    key.pairs()
                        .eq(sorted.iter().map(|(name, value)| ((*name).into(), (*value).into())))
                );
            }
        };
        check(&[("job", "a")], Ok(r#"job="a""#));
        check(&[("job", "a"), ("x", "")], Ok(r#"job="a",x="""#));
        check(
            &[("z.1", ""), ("job", "a/b\n"), ("b", "-")],
            Ok(r#"b="-",job="a/b\n","z.1"="""#),
        );
        check(&[("x", "1")], Err("a group needs a job: the label job, not empty"));
        check(&[("job", "")], Err("a group needs a job: the label job, not empty"));
        check(
            &[("job", "a"), ("x", "1"), ("x", "")],
            Err("label \"x\" is given more than once"),
        );
        check(
            &[("job", "a"), ("__x", "1")],
            Err("label name \"__x\" is reserved: names must not begin with __"),
        );
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        for text in [
            "",
            "job",
            r#"job="a","#,
            r#"x="1",job="a""#,
            r#"job="a" "#,
            r#""job"="a""#,
        ] {
            assert!(GroupKey::from_text(text).is_err(), "{text}");
        }
    }
}
