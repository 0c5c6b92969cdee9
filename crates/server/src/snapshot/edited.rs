//! A snapshot that somebody edited: still one item a line, or rewritten by a YAML tool.

use std::fmt;

use serde::Deserialize;

use super::{
    Loaded,
    content::{Content, SECTIONS},
    items::{ClientLine, FamilyLine, HubLine, KeyLine, SeriesLine, parse_by_hand},
};
use crate::{journal::Joint, state::Stamp};

/// An edited snapshot, before it is looked at closely.
pub(crate) struct Edited<'a> {
    form: Form<'a>,
    /// The position in the journal that it stands for, if it says one.
    pub(crate) position: Option<u64>,
    /// Where it joins the journal, if it says so.
    pub(crate) joint: Option<Joint>,
}

enum Form<'a> {
    /// One item a line: mistakes have line numbers.
    Lines(&'a str),
    Document(Document<'a>),
}

/// Something that the file should not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Where that is known.
    line: Option<u64>,
    reason: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl Mistake {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Mistake {
            line: None,
            reason: reason.into(),
        }
    }

    fn at(line: usize, reason: String) -> Self {
        Mistake {
            line: Some(line as u64),
            reason,
        }
    }
}

/// The whole file, as a YAML tool may have written it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    hub: Option<HubLine>,
    #[serde(borrow)]
    families: Option<Vec<FamilyLine<'a>>>,
    #[serde(borrow)]
    series: Option<Vec<SeriesLine<'a>>>,
    #[serde(borrow)]
    idempotency: Option<Vec<KeyLine<'a>>>,
    #[serde(borrow)]
    clients: Option<Vec<ClientLine<'a>>>,
}

impl<'a> Edited<'a> {
    /// Finds out how the file is written.
    ///
    /// # Errors
    /// It is neither of ours nor YAML of our structure.
    pub(crate) fn read(text: &'a str) -> Result<Self, Mistake> {
        if is_one_item_a_line(text) {
            let hub = text.lines().find_map(|line| line.strip_prefix("hub: "));
            let hub: Option<HubLine> = hub.and_then(|hub| parse_by_hand(hub).ok());
            return Ok(Edited {
                form: Form::Lines(text),
                position: hub.as_ref().and_then(|hub| hub.sequence),
                joint: hub.as_ref().and_then(joint),
            });
        }
        match yaml_serde::from_str::<Document<'_>>(text) {
            Ok(document) => Ok(Edited {
                position: document.hub.as_ref().and_then(|hub| hub.sequence),
                joint: document.hub.as_ref().and_then(joint),
                form: Form::Document(document),
            }),
            Err(_) if super::State::from_yaml(text).is_ok() => Err(Mistake::new(
                "this is a list of metrics in the form of metric-nexus: a start takes it over by itself, if the journal is empty",
            )),
            Err(error) => Err(Mistake::new(error.to_string())),
        }
    }

    /// What the file says, if that is without mistakes. What was left out gets `defaults`; no sequence may be beyond
    /// `sequence_max`.
    ///
    /// # Errors
    /// All mistakes.
    pub(crate) fn load(self, defaults: Stamp, sequence_max: u64) -> Result<Loaded, Vec<Mistake>> {
        let mut content = Content::by_hand(defaults, sequence_max);
        let mut mistakes = match self.form {
            Form::Lines(text) => text
                .lines()
                .zip(1..)
                .filter(|(line, _)| !is_nothing(line))
                .filter_map(|(line, number)| {
                    let reason = content.line(line.trim_end().as_bytes()).err()?;
                    Some(Mistake::at(number, reason))
                })
                .collect(),
            Form::Document(document) => document.load(&mut content),
        };
        if !content.saw_hub() {
            mistakes.push(Mistake::new(
                "there is no `hub:` with `format` and `sequence`: put it back as it was",
            ));
        }
        match mistakes.is_empty() {
            true => Ok(content.loaded),
            false => Err(mistakes),
        }
    }
}

/// What is none is a mistake that is said later.
fn joint(hub: &HubLine) -> Option<Joint> {
    hub.journal.as_ref()?.joint().ok()
}

impl Document<'_> {
    fn load(self, content: &mut Content) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut note = |what: &str, number: usize, result: Result<(), String>| {
            if let Err(reason) = result {
                mistakes.push(Mistake::new(format!("{what}, item {number}: {reason}")));
            }
        };
        if let Some(Err(reason)) = self.hub.map(|hub| content.hub(&hub)) {
            note("hub", 1, Err(reason));
        }
        for (line, number) in self.families.unwrap_or_default().into_iter().zip(1..) {
            note("families", number, content.family(line));
        }
        for (line, number) in self.series.unwrap_or_default().into_iter().zip(1..) {
            note("series", number, content.series(line));
        }
        for (line, number) in self.idempotency.unwrap_or_default().into_iter().zip(1..) {
            note("idempotency", number, content.key(&line));
        }
        for line in self.clients.unwrap_or_default() {
            content.client(line);
        }
        mistakes
    }
}

fn is_nothing(line: &str) -> bool {
    line.trim_end().is_empty() || line.starts_with('#')
}

fn is_one_item_a_line(text: &str) -> bool {
    let is_heading = |line: &str| {
        let line = line.trim_end();
        SECTIONS
            .iter()
            .any(|(name, _)| *name == line.strip_suffix(" []").unwrap_or(line))
    };
    text.lines()
        .all(|line| is_nothing(line) || line.starts_with("- {") || line.starts_with("hub: {") || is_heading(line))
}
