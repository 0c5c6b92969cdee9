//! What the lines of a snapshot say, one after the other: the one parser of a start, of `state check`, `state repair` and
//! `state accept`.

use std::{borrow::Cow, sync::Arc};

use nexus_metric::{Buckets, Family, Kind, Labels, Name};
use serde::Deserialize;

use super::{ClientSeen, FORMAT, Loaded, json::hex};
use crate::{
    json::{Number, Pairs},
    store::{Histogram, RestoredSeries, Stamp, Used, Value},
    write::Idempotency,
};

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) loaded: Loaded,
    section: Section,
    /// Whether a line was met that should have been a family.
    families_lost: bool,
    /// What stands for what is left out by hand; `None`: nothing may be left out.
    pub(super) defaults: Option<Stamp>,
}

/// Whose items follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Section {
    #[default]
    Families,
    Series,
    Idempotency,
    Clients,
    /// The line that said it is damaged: each item tells itself what it is.
    Unknown,
}

/// The sections, in their order.
const SECTIONS: [(&str, Section); 4] = [
    ("families:", Section::Families),
    ("series:", Section::Series),
    ("idempotency:", Section::Idempotency),
    ("clients:", Section::Clients),
];

impl Content {
    /// Takes the next line.
    ///
    /// # Errors
    /// The reason why it is left out.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), String> {
        let line = std::str::from_utf8(line).map_err(|error| {
            self.families_lost |= self.section == Section::Families;
            format!("not UTF-8 from byte {} of the line on", error.valid_up_to())
        })?;
        if let Some(item) = line.strip_prefix("- ") {
            let taken = self.item(item);
            self.families_lost |= taken.is_err() && matches!(self.section, Section::Families | Section::Unknown);
            return taken;
        }
        if let Some(hub) = line.strip_prefix("hub: ") {
            return self.hub(&parse(hub)?);
        }
        let heading = line.strip_suffix(" []").unwrap_or(line);
        let section = SECTIONS.into_iter().find(|(name, _)| *name == heading);
        if section.is_none() {
            // It may have been a heading, a family, or what begins the file.
            self.families_lost |= self.section == Section::Families;
        }
        self.section = section.map_or(Section::Unknown, |(_, section)| section);
        match section {
            Some(_) => Ok(()),
            None => Err(format!("unexpected {:?}", shortened(line))),
        }
    }

    fn item(&mut self, item: &str) -> Result<(), String> {
        match self.section {
            Section::Families => self.family(parse(item)?),
            Section::Series => self.series(parse(item)?),
            Section::Idempotency => self.key(&parse(item)?),
            Section::Clients => self.client(parse(item)?),
            Section::Unknown => {
                if let Ok(series) = parse(item) {
                    return self.series(series);
                }
                if let Ok(family) = parse(item) {
                    return self.family(family);
                }
                if let Ok(key) = parse(item) {
                    return self.key(&key);
                }
                self.client(parse(item).map_err(|_| "this is no item of any section".to_owned())?)
            }
        }
    }

    fn hub(&mut self, hub: &HubLine) -> Result<(), String> {
        if hub.format != FORMAT {
            return Err(format!(
                "the format is {}, this version reads format {FORMAT}: use a newer metric-nexus",
                hub.format
            ));
        }
        self.reached(hub.sequence)?;
        self.loaded.position = Some(hub.sequence);
        Ok(())
    }

    /// The next change needs a sequence too.
    fn reached(&mut self, sequence: u64) -> Result<(), String> {
        if sequence == u64::MAX {
            return Err("no change could follow this sequence".to_owned());
        }
        self.loaded.newest = self.loaded.newest.max(sequence);
        Ok(())
    }

    pub(super) fn family(&mut self, line: FamilyLine<'_>) -> Result<(), String> {
        let defined = self.stamp(line.sequence, line.defined_ms, "defined_ms")?;
        let family = Family {
            name: Name::new(&line.name).map_err(|error| error.to_string())?,
            kind: line
                .kind
                .parse()
                .map_err(|error: nexus_metric::UnknownKind| error.to_string())?,
            help: self.or_empty(line.help, "help")?.into(),
            unit: self.or_empty(line.unit, "unit")?.into(),
            buckets: bounds(&line.buckets)?,
        };
        if self.loaded.state.family(family.name.as_str()).is_some() {
            return Err(format!("the metric {} is there twice", family.name));
        }
        self.reached(defined.sequence)?;
        self.loaded.state.define(family, defined);
        Ok(())
    }

    pub(super) fn key(&mut self, line: &KeyLine<'_>) -> Result<(), String> {
        let (id, fingerprint) = (hex(&line.id), hex(&line.fingerprint));
        let (Some(id), Some(fingerprint)) = (id, fingerprint) else {
            return Err("id and fingerprint are 32 and 16 hexadecimal digits".to_owned());
        };
        self.reached(line.sequence)?;
        self.loaded.state.restore_key(Used {
            idempotency: Idempotency { id, fingerprint },
            sequence: line.sequence,
            at_ms: line.at_ms,
            created: line.created,
            deleted: line.deleted,
        });
        Ok(())
    }

    pub(super) fn client(&mut self, line: ClientLine<'_>) -> Result<(), String> {
        self.loaded.clients.push(ClientSeen {
            key: line.key.into(),
            client: line.client.into(),
            seen_ms: line.seen_ms,
        });
        Ok(())
    }

    pub(super) fn series(&mut self, line: SeriesLine<'_>) -> Result<(), String> {
        let changed = self.stamp(line.sequence, line.changed_ms, "changed_ms")?;
        let created_ms = self.or_default(line.created_ms, |defaults| defaults.at_ms, "created_ms")?;
        let owner = self.or_empty(line.owner, "owner")?;
        let labels = match (line.labels, self.defaults) {
            (Some(Pairs(pairs)), _) => Labels::from_pairs(pairs).map_err(|error| error.to_string())?,
            (None, Some(_)) => Labels::none(),
            (None, None) => return Err(missing("labels")),
        };
        let family = match self.loaded.state.family(&line.name) {
            Some(family) => family.clone(),
            None => self.imply_family(&line.name, line.counts.is_some(), changed)?,
        };
        let histogram = family.family.kind == Kind::Histogram;
        let value = match (line.value, line.counts, line.sum) {
            (Some(value), None, None) if !histogram => Value::Number(value.0, changed),
            (None, Some(counts), Some(sum))
                if histogram && counts.len() == family.family.buckets.bounds().len() + 1 =>
            {
                Value::Histogram(Histogram {
                    counts,
                    sum: sum.0,
                    stamp: changed,
                })
            }
            _ => {
                let buckets = family.family.buckets.bounds().len() + 1;
                return Err(if histogram {
                    format!(
                        "a series of the histogram {} needs {buckets} counts and a sum",
                        line.name
                    )
                } else {
                    format!("a series of the {} {} needs a value", family.family.kind, line.name)
                });
            }
        };
        let series = RestoredSeries {
            labels: labels.as_text(),
            owner: Arc::from(&*owner),
            created_ms,
            value,
        };
        self.reached(changed.sequence)?;
        if !self.loaded.state.restore(&family, series) {
            return Err(format!("{}{labels} is there twice", line.name));
        }
        Ok(())
    }

    /// A family whose line was lost: what a number was for is not known, but the number is kept.
    fn imply_family(
        &mut self,
        name: &str,
        is_histogram: bool,
        defined: Stamp,
    ) -> Result<Arc<crate::store::FamilyData>, String> {
        if !self.families_lost {
            return Err(format!("there is no metric {name:?} among the families"));
        }
        if is_histogram {
            return Err(format!(
                "the line of its metric {name:?} is lost, and with it the buckets"
            ));
        }
        let family = Family {
            name: Name::new(name).map_err(|error| error.to_string())?,
            kind: Kind::Untyped,
            help: "".into(),
            unit: "".into(),
            buckets: Buckets::default(),
        };
        Ok(self.loaded.state.define(family, defined))
    }

    fn stamp(&self, sequence: Option<u64>, at_ms: Option<u64>, at_name: &str) -> Result<Stamp, String> {
        Ok(Stamp {
            sequence: self.or_default(sequence, |defaults| defaults.sequence, "sequence")?,
            at_ms: self.or_default(at_ms, |defaults| defaults.at_ms, at_name)?,
        })
    }

    fn or_default(&self, found: Option<u64>, default: impl FnOnce(Stamp) -> u64, name: &str) -> Result<u64, String> {
        found
            .or_else(|| self.defaults.map(default))
            .ok_or_else(|| missing(name))
    }

    fn or_empty<'a>(&self, found: Option<Cow<'a, str>>, name: &str) -> Result<Cow<'a, str>, String> {
        found
            .or_else(|| self.defaults.map(|_| Cow::Borrowed("")))
            .ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> String {
    format!("missing field `{name}`")
}

fn shortened(line: &str) -> String {
    line.chars().take(60).collect()
}

pub(super) fn bounds(numbers: &[Number]) -> Result<Buckets, String> {
    let bounds: Vec<f64> = numbers.iter().map(|bound| bound.0).collect();
    Buckets::new(&bounds).map_err(|error| error.to_string())
}

fn parse<'a, T: Deserialize<'a>>(item: &'a str) -> Result<T, String> {
    serde_json::from_str(item).map_err(|error| error.to_string())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HubLine {
    pub(super) format: u64,
    pub(super) sequence: u64,
    #[serde(rename = "written_ms")]
    _written_ms: Option<u64>,
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
