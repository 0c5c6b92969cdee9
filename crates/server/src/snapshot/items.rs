//! What stands on one line of a snapshot. What may be left out by hand is an `Option`; a file of a hub has it.

use std::borrow::Cow;

use serde::Deserialize;

use crate::{
    journal::{Joint, NoSegmentId},
    json::{Number, Pairs},
};

/// JSON as a hub writes it.
pub(super) fn parse<'a, T: Deserialize<'a>>(item: &'a str) -> Result<T, String> {
    serde_json::from_str(item).map_err(|error| {
        // It counts lines too, of which there is one here.
        let text = error.to_string();
        text.split(" at line 1 column").next().unwrap_or(&text).to_owned()
    })
}

/// JSON as a hub writes it, or any YAML that fits on the line.
pub(super) fn parse_by_hand<'a, T: Deserialize<'a>>(item: &'a str) -> Result<T, String> {
    parse(item).or_else(|error| {
        yaml_serde::from_str(item).map_err(|other| {
            if item.starts_with("{\"") {
                error
            } else {
                other.to_string()
            }
        })
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HubLine {
    pub(super) format: u64,
    pub(super) sequence: Option<u64>,
    #[serde(rename = "written_ms")]
    pub(super) _written_ms: Option<u64>,
    pub(super) journal: Option<JointLine>,
}

/// Where the snapshot joins the journal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JointLine {
    pub(super) before: Option<String>,
    pub(super) next: String,
}

impl JointLine {
    pub(super) fn joint(&self) -> Result<Joint, NoSegmentId> {
        Ok(Joint {
            before: self.before.as_deref().map(str::parse).transpose()?,
            next: self.next.parse()?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FamilyLine<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) help: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) unit: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) buckets: Vec<Number>,
    pub(super) defined_ms: Option<u64>,
    pub(super) sequence: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeriesLine<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) labels: Option<Pairs<'a>>,
    pub(super) value: Option<Number>,
    pub(super) counts: Option<Box<[u64]>>,
    pub(super) sum: Option<Number>,
    #[serde(borrow)]
    pub(super) owner: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) group: Option<Pairs<'a>>,
    #[serde(default)]
    pub(super) expires_after_ms: Option<u64>,
    pub(super) created_ms: Option<u64>,
    pub(super) changed_ms: Option<u64>,
    pub(super) sequence: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyLine<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) fingerprint: Cow<'a, str>,
    pub(super) created: u32,
    pub(super) deleted: u32,
    #[serde(default)]
    pub(super) refused: u32,
    pub(super) at_ms: u64,
    pub(super) sequence: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientLine<'a> {
    #[serde(borrow)]
    pub(super) key: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) client: Cow<'a, str>,
    pub(super) seen_ms: u64,
}
