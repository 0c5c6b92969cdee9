//! Whether a write may happen, given the state and what its own earlier changes would do. Changes nothing.

mod op;

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use nexus_metric::{Family, Kind, Name};

use super::{
    State,
    exposed_names::exposed_names,
    family::{FamilyData, Place, Places},
    found::FoundSeries,
    limits::StoreLimits,
    reserved::{is_hubs, is_reserved},
    slab::Slab,
};
use crate::write::{Change, Definition, FamilyName, LabelText, Mode, Op, Reason, Refusal, Refusals, Target, Write};

impl State {
    /// Says what is wrong with a write, or nothing if it may happen.
    pub(crate) fn check(&self, write: &Write<'_>, limits: &StoreLimits) -> Vec<Refusal> {
        self.check_found(write, limits, &self.find_all(write)).into_list()
    }

    /// The same with what [`State::find_all`] found. Where the write may happen in part, what is refused has no effect on
    /// what follows it, and all that is refused is found.
    pub(crate) fn check_found(&self, write: &Write<'_>, limits: &StoreLimits, found: &FoundSeries) -> Refusals {
        let mut check = Check::new(self, limits, write);
        let mut refusals = Refusals::default();
        for (index, (change, slot)) in write.changes.iter().zip(found.slots()).enumerate() {
            if let Err(reason) = check.change(change, *slot) {
                refusals.push(index, reason);
                if write.mode == Mode::All && refusals.len() == Refusal::LIST_MAX {
                    break;
                }
            }
        }
        refusals
    }
}

/// The largest whole number up to which all are exact in a value of Prometheus: 2^53.
const COUNT_MAX: u64 = 1 << f64::MANTISSA_DIGITS;

/// What the changes so far would do. A change that is refused leaves nothing in it.
struct Check<'a> {
    state: &'a State,
    limits: &'a StoreLimits,
    owner: &'a str,
    /// Families that the write makes (`Some`) or removes (`None`).
    families: HashMap<&'a str, Option<Arc<Family>>, RandomState>,
    /// Values that the write gives to series, or `None` for series that it removes, by family and labels; kept only if a later
    /// change could care.
    series: HashMap<&'a str, HashMap<&'a str, Option<f64>, RandomState>, RandomState>,
    /// The stored family of the change before, which is mostly that of the next, and the places of its series.
    stored: Option<(&'a Arc<FamilyData>, Places<'a>)>,
    /// Whether an earlier value of a counter may matter to a later change.
    remembers_values: bool,
    /// Below this, a counter that only goes up stays so small that nothing is lost, whatever the write adds to it.
    value_small_max: f64,
    /// The largest counts that the write merges into histograms, in sum.
    merged: u64,
    /// Whether it may matter to a later change that a series was changed at all.
    remembers_all: bool,
    /// What the families that the write makes would expose, and which of them.
    exposed: HashMap<Box<str>, &'a FamilyName<'a>>,
    /// How many families there would be, and how many of them the write makes.
    families_len: u64,
    defined: u64,
    created: u64,
    created_bytes: u64,
}

/// A family as the change finds it.
enum Found<'a> {
    Stored(&'a Arc<FamilyData>),
    /// Made earlier in the same write.
    Planned(Arc<Family>),
    /// The change itself would make it.
    New(Family),
}

impl Found<'_> {
    fn family(&self) -> &Family {
        match self {
            Found::Stored(data) => &data.family,
            Found::Planned(family) => family,
            Found::New(family) => family,
        }
    }
}

impl<'a> Check<'a> {
    fn new(state: &'a State, limits: &'a StoreLimits, write: &'a Write<'_>) -> Self {
        // If counters only go up and nothing is removed, the order of changes within the write cannot matter.
        let sensitive = |change: &Change<'_>| match change {
            Change::Series(_, op) => op::may_lower(op),
            Change::Delete { .. } | Change::DeleteMatching { .. } | Change::Expire { .. } => true,
        };
        Check {
            state,
            limits,
            owner: &write.owner,
            families: HashMap::default(),
            series: HashMap::default(),
            stored: None,
            remembers_values: write.changes.len() > 1 && write.changes.iter().any(sensitive),
            value_small_max: COUNT_MAX as f64 / write.changes.len().max(1) as f64,
            merged: 0,
            remembers_all: write
                .changes
                .iter()
                .any(|change| matches!(change, Change::Expire { .. })),
            exposed: HashMap::new(),
            families_len: state.catalog.families_len() as u64,
            defined: 0,
            created: 0,
            created_bytes: 0,
        }
    }

    fn change(&mut self, change: &'a Change<'_>, slot: Option<u32>) -> Result<(), Reason> {
        match change {
            Change::Series(target, op) => self.series(target, op, slot),
            Change::Delete { family, labels } => self.delete(family, labels.as_ref()),
            Change::DeleteMatching { .. } => Ok(()),
            Change::Expire {
                family,
                labels,
                sequence,
            } => {
                self.expire(family, labels, *sequence);
                Ok(())
            }
        }
    }

    fn find(&mut self, name: &str) -> Option<Found<'a>> {
        if !self.families.is_empty()
            && let Some(planned) = self.families.get(name)
        {
            return planned.clone().map(Found::Planned);
        }
        if let Some((data, _)) = &self.stored
            && data.family.name.as_str() == name
        {
            return Some(Found::Stored(data));
        }
        let data = self.state.family(name)?;
        self.stored = Some((data, data.places()));
        Some(Found::Stored(data))
    }

    /// A series of the stored family that was found last.
    fn place(&self, slot: u32) -> Option<Place<&Slab>> {
        self.stored.as_ref()?.1.at(slot)
    }

    /// The family of a target, or the one that it would make.
    fn target(&mut self, target: &Target<'_>) -> Result<Found<'a>, Reason> {
        let name = &target.family;
        let definition = target.define.definition();
        if let Some(found) = self.find(name.as_str()) {
            agrees(found.family(), definition.as_deref())?;
            return Ok(found);
        }
        if is_reserved(name.as_str()) {
            return Err(Reason::ReservedName(name.name()));
        }
        let definition = definition.ok_or_else(|| Reason::UnknownFamily(name.name()))?;
        let family = definition.family(name.name());
        self.may_define(&family)?;
        Ok(Found::New(family))
    }

    fn may_define(&self, family: &Family) -> Result<(), Reason> {
        let name = || family.name.clone();
        if !matches!(
            family.kind,
            Kind::Gauge | Kind::Counter | Kind::Histogram | Kind::Untyped
        ) {
            return Err(Reason::UnsupportedKind(name(), family.kind));
        }
        if is_hubs(family) {
            return Err(Reason::ReservedName(name()));
        }
        if let Some(is) = self.spelled_otherwise(family) {
            return Err(Reason::OtherSpelling { name: name(), is });
        }
        // A family that the write removed gave its names back.
        let stored = self
            .state
            .collision(family)
            .filter(|(_, by)| self.families.get(by.as_str()).is_none_or(Option::is_some))
            .map(|(exposed, by)| (exposed, by.clone()));
        let planned = || {
            exposed_names(family)
                .into_iter()
                .find_map(|exposed| self.exposed.get(&exposed).map(|by| (exposed, by.name())))
        };
        if let Some((exposed, by)) = stored.or_else(planned) {
            return Err(Reason::NameCollision {
                name: name(),
                exposed,
                by,
            });
        }
        limit(self.families_len + 1, self.limits.families_max, "families_max", || {
            "the number of metrics".to_owned()
        })?;
        let own = self.state.catalog.owners.of(self.owner).families + self.defined + 1;
        limit(own, self.limits.families_per_key_max, "families_per_key_max", || {
            format!("the number of metrics of key {:?}", self.owner)
        })
    }

    /// A family that the same name means in another spelling. The intake has seen to that: it was made since.
    fn spelled_otherwise(&self, family: &Family) -> Option<Name> {
        let is = self.state.catalog.meant(family.name.as_str())?;
        let is_there = self.families.get(is.as_str()).is_none_or(Option::is_some);
        (is != family.name && is_there).then_some(is)
    }

    fn define(&mut self, name: &'a FamilyName<'_>, family: Family) {
        self.exposed
            .extend(exposed_names(&family).into_iter().map(|exposed| (exposed, name)));
        self.families.insert(name.as_str(), Some(Arc::new(family)));
        self.families_len += 1;
        self.defined += 1;
    }

    /// Looks at what the change would leave in the series, and counts the series if it would be made.
    fn series(&mut self, target: &'a Target<'_>, op: &Op, slot: Option<u32>) -> Result<(), Reason> {
        let found = self.target(target)?;
        let family = found.family();
        let (name, labels) = (target.family.as_str(), target.labels.as_str());
        let stored = || match found {
            Found::Stored(_) => slot.map(|slot| self.place(slot).map_or(0.0, |place| place.number())),
            Found::Planned(_) | Found::New(_) => None,
        };
        let old = self.remembered(name, labels).unwrap_or_else(stored);
        let from = old.unwrap_or(0.0);
        let value = op::check(op, family, from)?;
        let bytes = FamilyData::series_bytes(family, labels);
        if let Op::Merge(delta) = op {
            let largest = delta.counts.iter().copied().max().unwrap_or(0);
            let there = slot.map_or(0, |slot| self.place(slot).map_or(0, |place| place.largest_count()));
            let merged = self.merged.checked_add(largest);
            let merged = merged.filter(|merged| there.checked_add(*merged).is_some());
            let merged = merged.ok_or_else(|| Reason::CountTooLarge(family.name.clone()))?;
            self.merged = merged;
        }
        let is_counter = family.kind == Kind::Counter;
        if is_counter {
            counts_up(target, family, from, value)?;
        }
        if old.is_none() {
            self.may_create(bytes)?;
        }
        // Nothing is refused from here on.
        if let Found::New(family) = found {
            self.define(&target.family, family);
        }
        if old.is_none() {
            self.created += 1;
            self.created_bytes += bytes;
        }
        // A series that is made here must not be counted twice; a value matters only to a counter that is changed again.
        let matters = is_counter && (self.remembers_values || value >= self.value_small_max);
        if matters || self.remembers_all || old.is_none() {
            self.remember(name, labels, Some(value));
        }
        Ok(())
    }

    /// What the write gave to a series, or that it removed it; nothing if neither is known.
    fn remembered(&self, name: &str, labels: &str) -> Option<Option<f64>> {
        if self.series.is_empty() {
            return None;
        }
        self.series.get(name)?.get(labels).copied()
    }

    fn remember(&mut self, name: &'a str, labels: &'a str, value: Option<f64>) {
        self.series.entry(name).or_default().insert(labels, value);
    }

    /// Whether there is room for a series of so many bytes.
    fn may_create(&self, bytes: u64) -> Result<(), Reason> {
        let (catalog, limits) = (&self.state.catalog, self.limits);
        let own = catalog.owners.of(self.owner);
        let (series, bytes) = (self.created + 1, self.created_bytes + bytes);
        let all = || "the number of series".to_owned();
        limit(catalog.series_len() + series, limits.series_max, "series_max", all)?;
        limit(
            own.series + series,
            limits.series_per_key_max,
            "series_per_key_max",
            || format!("the number of series of key {:?}", self.owner),
        )?;
        let all = || "the memory of all series".to_owned();
        limit(
            catalog.series_bytes() + bytes,
            limits.series_bytes_max,
            "series_bytes_max",
            all,
        )?;
        let own = own.series_bytes + bytes;
        limit(own, limits.series_per_key_bytes_max, "series_per_key_bytes_max", || {
            format!("the memory of the series of key {:?}", self.owner)
        })
    }

    fn delete(&mut self, name: &'a FamilyName<'_>, labels: Option<&'a LabelText<'_>>) -> Result<(), Reason> {
        let missing = || match is_reserved(name.as_str()) {
            true => Reason::ReservedName(name.name()),
            false => Reason::UnknownFamily(name.name()),
        };
        let found = self.find(name.as_str()).ok_or_else(missing)?;
        let Some(labels) = labels else {
            self.series.remove(name.as_str());
            // A family that is stored gave its names back when the write first removed it.
            if let Found::Planned(family) = &found {
                for exposed in exposed_names(family) {
                    self.exposed.remove(&exposed);
                }
                self.defined -= 1;
            }
            self.families.insert(name.as_str(), None);
            self.families_len -= 1;
            return Ok(());
        };
        let stored = || matches!(&found, Found::Stored(data) if data.find(labels.as_str()).is_some());
        let remembered = self.remembered(name.as_str(), labels.as_str());
        if !remembered.map_or_else(stored, |value| value.is_some()) {
            return Err(Reason::UnknownSeries(name.name(), labels.labels()));
        }
        self.remember(name.as_str(), labels.as_str(), None);
        Ok(())
    }

    /// A series that the write changed before is newer than what should expire.
    fn expire(&mut self, name: &'a FamilyName<'_>, labels: &'a LabelText<'_>, sequence: u64) {
        let (name, labels) = (name.as_str(), labels.as_str());
        if let Some(Found::Stored(data)) = self.find(name)
            && self.remembered(name, labels).is_none()
            && data.find(labels).is_some_and(|place| place.sequence() == sequence)
        {
            self.remember(name, labels, None);
        }
    }
}

fn agrees(family: &Family, definition: Option<&Definition>) -> Result<(), Reason> {
    let Some(definition) = definition else {
        return Ok(());
    };
    if let Some(kind) = definition.kind.filter(|kind| *kind != family.kind) {
        return Err(conflict(family, &format!("it cannot be a {kind}")));
    }
    match &definition.buckets {
        Some(buckets) if *buckets != family.buckets => Err(Reason::BucketsConflict(family.name.clone())),
        _ => Ok(()),
    }
}

fn conflict(family: &Family, wanted: &str) -> Reason {
    Reason::KindConflict {
        name: family.name.clone(),
        is: family.kind,
        wanted: wanted.to_owned(),
    }
}

fn counts_up(target: &Target<'_>, family: &Family, from: f64, to: f64) -> Result<(), Reason> {
    finite(family, to)?;
    if to >= from {
        return Ok(());
    }
    let (name, labels) = (family.name.clone(), target.labels.labels());
    Err(Reason::CounterDown { name, labels, from, to })
}

fn finite(family: &Family, value: f64) -> Result<(), Reason> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Reason::NotFinite {
        name: family.name.clone(),
        kind: family.kind,
        value,
    })
}

fn limit(amount: u64, max: u64, setting: &'static str, what: impl FnOnce() -> String) -> Result<(), Reason> {
    if amount <= max {
        return Ok(());
    }
    Err(Reason::Limit {
        what: what(),
        max,
        setting,
    })
}
