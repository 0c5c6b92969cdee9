//! What the lines of a snapshot say, one after the other: the one parser of a start, of `state check`, `state repair` and
//! `state accept`.

use std::{borrow::Cow, sync::Arc};

use nexus_metric::{Buckets, Family, Kind, Labels, Name};
use serde::Deserialize;

use super::{
    FORMAT, FORMAT_MIN, Loaded,
    items::{ClientLine, FamilyLine, HubLine, JointLine, KeyLine, SeriesLine, parse, parse_by_hand},
    json::hex,
    newer,
};
use crate::{
    clients::ClientSeen,
    journal::SEQUENCE_MAX,
    json::{Number, Pairs},
    state::{Attributes, Histogram, RestoredSeries, Stamp, StoreLimits, Used, Value},
    write::{Change, Definition, GroupKey, HistogramDelta, Idempotency, Op, RequestLimits, Target, Write},
};

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) loaded: Loaded,
    section: Section,
    origin: Origin,
    /// The metrics whose own line is lost, while series of them are kept.
    pub(super) implied: Vec<Name>,
    saw_hub: bool,
    /// Of the series before, which is nearly always the owner of the next.
    owner: Option<Arc<str>>,
}

/// Who wrote the file.
#[derive(Debug, Clone, Copy, Default)]
enum Origin {
    /// A hub: all fields are there, and what they say was checked when it came to be.
    #[default]
    Hub,
    /// A hub, but what it wrote may be damaged: a series is kept though the line of its metric is lost.
    Damaged,
    /// Somebody's hand: what only a hub knows may be left out, and everything is checked.
    Hand { defaults: Stamp, sequence_max: u64 },
}

/// Whose items follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Section {
    #[default]
    Families,
    Series,
    Idempotency,
    Clients,
}

/// The sections, in their order.
pub(super) const SECTIONS: [(&str, Section); 4] = [
    ("families:", Section::Families),
    ("series:", Section::Series),
    ("idempotency:", Section::Idempotency),
    ("clients:", Section::Clients),
];

impl Content {
    /// For a file that may be damaged.
    pub(super) fn damaged() -> Self {
        Content {
            origin: Origin::Damaged,
            ..Content::default()
        }
    }

    /// What is left out gets `defaults`; no sequence may be beyond `sequence_max`.
    pub(super) fn by_hand(defaults: Stamp, sequence_max: u64) -> Self {
        Content {
            origin: Origin::Hand { defaults, sequence_max },
            ..Content::default()
        }
    }

    /// Whether there was something that says what the file stands for, right or wrong.
    pub(super) fn saw_hub(&self) -> bool {
        self.saw_hub
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// The reason why it is left out.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), String> {
        let line = std::str::from_utf8(line)
            .map_err(|error| format!("not UTF-8 from byte {} of the line on", error.valid_up_to()))?;
        if let Some(item) = line.strip_prefix("- ") {
            return self.item(item);
        }
        if let Some(hub) = line.strip_prefix("hub: ") {
            self.saw_hub = true;
            return self.hub(&self.parse(hub)?);
        }
        let heading = line.strip_suffix(" []").unwrap_or(line);
        let section = SECTIONS.into_iter().find(|(name, _)| *name == heading);
        let (_, section) = section.ok_or_else(|| format!("unexpected {:?}", shortened(line)))?;
        self.section = section;
        Ok(())
    }

    fn item(&mut self, item: &str) -> Result<(), String> {
        let no_such_item = match self.item_of(self.section, item) {
            Ok(taken) => return taken,
            Err(reason) => reason,
        };
        // The line that begins the section may be what is damaged; what an item says tells what it is.
        if let Origin::Damaged = self.origin {
            for (_, section) in SECTIONS {
                if let Ok(taken) = self.item_of(section, item) {
                    return taken;
                }
            }
        }
        Err(no_such_item)
    }

    /// Takes an item of a section, if it is one; inside, whether it fits what was there before.
    fn item_of(&mut self, section: Section, item: &str) -> Result<Result<(), String>, String> {
        Ok(match section {
            Section::Families => self.family(self.parse(item)?),
            Section::Series => self.series(self.parse(item)?),
            Section::Idempotency => self.key(&self.parse(item)?),
            Section::Clients => {
                self.client(self.parse(item)?);
                Ok(())
            }
        })
    }

    fn parse<'a, T: Deserialize<'a>>(&self, item: &'a str) -> Result<T, String> {
        match self.origin {
            Origin::Hub | Origin::Damaged => parse(item),
            Origin::Hand { .. } => parse_by_hand(item),
        }
    }

    pub(super) fn hub(&mut self, hub: &HubLine) -> Result<(), String> {
        self.saw_hub = true;
        if !(FORMAT_MIN..=FORMAT).contains(&hub.format) {
            return Err(newer(hub.format));
        }
        let sequence = hub.sequence.ok_or(
            "missing field `sequence`: it says which changes of the journal this file holds already; put back the number \
             that stood there",
        )?;
        let joint = hub.journal.as_ref().map(JointLine::joint).transpose();
        self.loaded.joint = joint.map_err(|error| format!("journal: {error}"))?;
        self.loaded.position = Some(in_range(sequence)?);
        self.newest(sequence);
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
        if let Origin::Hand { .. } = self.origin {
            self.check_family(&family)?;
        }
        self.loaded.state.define(family, defined);
        self.newest(defined.sequence);
        Ok(())
    }

    pub(super) fn key(&mut self, line: &KeyLine<'_>) -> Result<(), String> {
        let (id, fingerprint) = (hex(&line.id), hex(&line.fingerprint));
        let (Some(id), Some(fingerprint)) = (id, fingerprint) else {
            return Err("id and fingerprint are 32 and 16 hexadecimal digits".to_owned());
        };
        let sequence = self.sequence(Some(line.sequence))?;
        let used = Used {
            idempotency: Idempotency { id, fingerprint },
            sequence,
            at_ms: line.at_ms,
            created: line.created,
            deleted: line.deleted,
        };
        self.loaded.state.restore_key(used, line.refused);
        self.newest(sequence);
        Ok(())
    }

    pub(super) fn client(&mut self, line: ClientLine<'_>) {
        self.loaded.clients.push(ClientSeen {
            key: line.key.into(),
            client: line.client.into(),
            seen_ms: line.seen_ms,
        });
    }

    pub(super) fn series(&mut self, line: SeriesLine<'_>) -> Result<(), String> {
        let changed = self.stamp(line.sequence, line.changed_ms, "changed_ms")?;
        let created_ms = self.or_default(line.created_ms, |defaults| defaults.at_ms, "created_ms")?;
        let owner = self.or_empty(line.owner, "owner")?;
        let labels = match (line.labels, self.origin) {
            (Some(Pairs(pairs)), _) => Labels::from_pairs(pairs).map_err(|error| error.to_string())?,
            (None, Origin::Hand { .. }) => Labels::none(),
            (None, Origin::Hub | Origin::Damaged) => return Err(missing("labels")),
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
        if let Origin::Hand { .. } = self.origin {
            self.check_series(&family.family, &labels, &value)?;
        }
        let group = line.group.map(|Pairs(pairs)| GroupKey::from_pairs(pairs)).transpose();
        let attributes = Attributes {
            group: group.map_err(|error| format!("group: {error}"))?,
            expires_after_ms: line.expires_after_ms,
        };
        let series = RestoredSeries {
            labels: labels.as_text(),
            owner: self.owner(&owner),
            created_ms,
            value,
            attributes,
        };
        if !self.loaded.state.restore(&family, series) {
            return Err(format!("{}{labels} is there twice", line.name));
        }
        self.newest(changed.sequence);
        Ok(())
    }

    fn owner(&mut self, name: &str) -> Arc<str> {
        match &self.owner {
            Some(owner) if **owner == *name => owner.clone(),
            _ => self.owner.insert(name.into()).clone(),
        }
    }

    /// A family whose line was lost: what a number was for is not known, but the number is kept.
    fn imply_family(
        &mut self,
        name: &str,
        is_histogram: bool,
        defined: Stamp,
    ) -> Result<Arc<crate::state::FamilyData>, String> {
        if !matches!(self.origin, Origin::Damaged) {
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
        self.implied.push(family.name.clone());
        Ok(self.loaded.state.define(family, defined))
    }

    /// What a hub would say if a client defined this family now.
    fn check_family(&self, family: &Family) -> Result<(), String> {
        if family.kind != Kind::Histogram && !family.buckets.bounds().is_empty() {
            return Err(format!(
                "{} is a {}: only a histogram has buckets",
                family.name, family.kind
            ));
        }
        let define = Definition {
            kind: Some(family.kind),
            help: family.help.clone(),
            unit: family.unit.clone(),
            buckets: (family.kind == Kind::Histogram).then(|| family.buckets.clone()),
        };
        let target = Target::new(family.name.clone(), Labels::none()).defining(Some(Arc::new(define)));
        self.check(target, Op::Ensure)
    }

    /// What a hub would say if a client made this series now, with this value.
    fn check_series(&self, family: &Family, labels: &Labels, value: &Value) -> Result<(), String> {
        let stored = self.loaded.state.family(family.name.as_str());
        if stored.is_some_and(|family| family.has(labels.as_text())) {
            return Err(format!("{}{labels} is there twice", family.name));
        }
        let op = match value {
            Value::Number(value, _) => Op::Set(*value),
            Value::Histogram(histogram) => Op::Merge(Box::new(HistogramDelta {
                counts: histogram.counts.clone(),
                sum: histogram.sum,
            })),
        };
        self.check(Target::new(family.name.clone(), labels.clone()), op)
    }

    fn check(&self, target: Target<'_>, op: Op) -> Result<(), String> {
        let write = Write::of("", vec![Change::Series(target, op)]);
        let refusals = [
            write.validate(&RequestLimits::NONE).into_list(),
            self.loaded.state.check(&write, &StoreLimits::NONE),
        ];
        match refusals.into_iter().flatten().next() {
            Some(refusal) => Err(refusal.reason.to_string()),
            None => Ok(()),
        }
    }

    fn newest(&mut self, sequence: u64) {
        self.loaded.newest = self.loaded.newest.max(sequence);
    }

    fn stamp(&self, sequence: Option<u64>, at_ms: Option<u64>, at_name: &str) -> Result<Stamp, String> {
        Ok(Stamp {
            sequence: self.sequence(sequence)?,
            at_ms: self.or_default(at_ms, |defaults| defaults.at_ms, at_name)?,
        })
    }

    fn sequence(&self, found: Option<u64>) -> Result<u64, String> {
        let sequence = self.or_default(found, |defaults| defaults.sequence, "sequence")?;
        match self.origin {
            Origin::Hand { sequence_max, .. } if sequence > sequence_max => Err(format!(
                "sequence {sequence} is beyond the last change, {sequence_max}: leave `sequence` out"
            )),
            _ => in_range(sequence),
        }
    }

    fn or_default(&self, found: Option<u64>, default: impl FnOnce(Stamp) -> u64, name: &str) -> Result<u64, String> {
        match (found, self.origin) {
            (Some(found), _) => Ok(found),
            (None, Origin::Hand { defaults, .. }) => Ok(default(defaults)),
            (None, Origin::Hub | Origin::Damaged) => Err(missing(name)),
        }
    }

    fn or_empty<'a>(&self, found: Option<Cow<'a, str>>, name: &str) -> Result<Cow<'a, str>, String> {
        match (found, self.origin) {
            (Some(found), _) => Ok(found),
            (None, Origin::Hand { .. }) => Ok(Cow::Borrowed("")),
            (None, Origin::Hub | Origin::Damaged) => Err(missing(name)),
        }
    }
}

fn in_range(sequence: u64) -> Result<u64, String> {
    match sequence <= SEQUENCE_MAX {
        true => Ok(sequence),
        false => Err(format!("{sequence} is no sequence")),
    }
}

fn missing(name: &str) -> String {
    format!("missing field `{name}`")
}

fn shortened(line: &str) -> String {
    line.chars().take(60).collect()
}

fn bounds(numbers: &[Number]) -> Result<Buckets, String> {
    let bounds: Vec<f64> = numbers.iter().map(|bound| bound.0).collect();
    Buckets::new(&bounds).map_err(|error| error.to_string())
}
