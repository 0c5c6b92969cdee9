//! Query parameters.

use std::{borrow::Cow, sync::Arc};

use axum::extract::FromRef;

use super::{AppState, error::Problem};
use crate::{auth::spellings, background::Background, config::Config, selector::Selector};

/// Reads selectors.
#[derive(Debug, Clone)]
pub(super) struct SelectorReader {
    config: Arc<Config>,
    background: Background,
}

impl FromRef<AppState> for SelectorReader {
    fn from_ref(state: &AppState) -> Self {
        SelectorReader {
            config: FromRef::from_ref(state),
            background: FromRef::from_ref(state),
        }
    }
}

/// Query parameters, decoded, each of them among those that the endpoint knows.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Refuses what is not in `known`: a misspelt filter would show everything.
    pub(super) fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> =
            form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
        for (name, _) in &pairs {
            if !known.contains(&&**name) {
                return Err(Problem::bad_request(format!(
                    "unknown parameter {name:?}: this endpoint knows {}",
                    known.join(", ")
                )));
            }
        }
        Ok(Parameters(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        ))
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that may be given once.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(Problem::bad_request(format!(
                "parameter {name} is given more than once"
            ))),
        }
    }

    /// The selectors, which are few. They are read where they hold up nobody else: their regular expressions are compiled.
    pub(super) async fn selectors(
        &self,
        reader: &SelectorReader,
        key: &Arc<str>,
    ) -> Result<Vec<Arc<Selector>>, Problem> {
        let texts: Vec<String> = self.all("match[]").map(str::to_owned).collect();
        let max = reader.config.limits.selectors_max;
        if texts.len() > max {
            let found = texts.len();
            let detail = format!("{found} selectors, at most {max} are allowed (limits.selectors_max)");
            return Err(Problem::bad_request(detail));
        }
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let mut room = reader.config.limits.regexes_bytes_max;
        let read = move || {
            let selectors = texts.iter().map(|text| Selector::read(text, &mut room).map(Arc::new));
            selectors.collect::<Result<_, _>>()
        };
        let read = reader.background.run_of(key, read);
        Ok(read.await.map_err(|_| Problem::internal())??)
    }

    /// What names may begin with, each as it was given and in its plain spelling.
    pub(super) fn prefixes(&self) -> Vec<Box<str>> {
        self.all("prefix").flat_map(spellings).collect()
    }

    /// A number from 1 to `max`.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, Problem> {
        let Some(text) = self.one("limit")? else {
            return Ok(default);
        };
        let limit = text.parse().ok().filter(|limit| (1..=max).contains(limit));
        limit.ok_or_else(|| Problem::bad_request(format!("limit {text:?} is not a number from 1 to {max}")))
    }
}
