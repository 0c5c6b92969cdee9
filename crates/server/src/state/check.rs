//! Whether a write may happen, given the state and what its own earlier changes would do. Changes nothing.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use nexus_metric::{Family, Kind, Labels, Name};

use super::{
    State,
    exposed_names::exposed_names,
    family::{FamilyData, Places},
    found::FoundSeries,
    limits::StoreLimits,
};
use crate::write::{Change, Definition, Reason, Refusal, Target, Write};

impl State {
    /// Says what is wrong with a write, or nothing if it may happen.
    pub(crate) fn check(&self, write: &Write, limits: &StoreLimits) -> Vec<Refusal> {
        self.check_found(write, limits, &self.find_all(write))
    }

    /// The same with what [`State::find_all`] found.
    pub(crate) fn check_found(&self, write: &Write, limits: &StoreLimits, found: &FoundSeries) -> Vec<Refusal> {
        let mut check = Check::new(self, limits, write);
        let mut refusals = Vec::new();
        for (index, (change, slot)) in write.changes.iter().zip(found.slots()).enumerate() {
            if let Err(reason) = check.change(change, *slot) {
                refusals.push(Refusal { index, reason });
                if refusals.len() == Refusal::LIST_MAX {
                    break;
                }
            }
        }
        refusals
    }
}

struct Check<'a> {
    state: &'a State,
    limits: &'a StoreLimits,
    owner: &'a str,
    /// Families that the write makes (`Some`) or removes (`None`).
    families: HashMap<&'a Name, Option<Arc<Family>>, RandomState>,
    /// Values that the write gives to series, or `None` for series that it removes; kept only if a later change could care.
    series: HashMap<(&'a Name, &'a Labels), Option<f64>, RandomState>,
    /// The stored family of the change before, which is mostly that of the next, and the places of its series.
    stored: Option<(&'a Arc<FamilyData>, Places<'a>)>,
    remembers_values: bool,
    /// What the families that the write makes would expose, and which of them.
    exposed: HashMap<Box<str>, &'a Name>,
    /// How many families there would be.
    families_len: u64,
    created: u64,
}

/// A family as the change finds it: in the state, or made earlier in the same write.
enum Found<'a> {
    Stored(&'a Arc<FamilyData>),
    Planned(Arc<Family>),
}

impl Found<'_> {
    fn family(&self) -> &Family {
        match self {
            Found::Stored(data) => &data.family,
            Found::Planned(family) => family,
        }
    }
}

impl<'a> Check<'a> {
    fn new(state: &'a State, limits: &'a StoreLimits, write: &'a Write) -> Self {
        // If counters only go up and nothing is deleted, the order of changes within the write cannot matter.
        let sensitive = |change: &Change| match change {
            Change::Set { .. } | Change::Delete { .. } | Change::DeleteMatching { .. } => true,
            Change::Add { delta, .. } => *delta < 0.0,
            Change::Create { .. } | Change::Observe { .. } | Change::Merge { .. } => false,
        };
        Check {
            state,
            limits,
            owner: &write.owner,
            families: HashMap::default(),
            series: HashMap::default(),
            stored: None,
            remembers_values: write.changes.len() > 1 && write.changes.iter().any(sensitive),
            exposed: HashMap::new(),
            families_len: state.catalog.families_len() as u64,
            created: 0,
        }
    }

    fn change(&mut self, change: &'a Change, slot: Option<u32>) -> Result<(), Reason> {
        match change {
            Change::Create { target } => self
                .target(target)
                .and_then(|found| self.store(target, &found, slot, |old| old)),
            Change::Set { target, value } => {
                let found = self.number(target)?;
                self.store(target, &found, slot, |_| *value)
            }
            Change::Add { target, delta } => {
                let found = self.number(target)?;
                self.store(target, &found, slot, |old| old + delta)
            }
            Change::Observe { target, value } => {
                let found = self.histogram(target)?;
                finite(found.family(), *value)?;
                self.store(target, &found, slot, |old| old)
            }
            Change::Merge { target, delta } => {
                let found = self.histogram(target)?;
                finite(found.family(), delta.sum)?;
                if delta.counts.len() != found.family().buckets.bounds().len() + 1 {
                    return Err(Reason::BucketsConflict(target.family.clone()));
                }
                self.store(target, &found, slot, |old| old)
            }
            Change::Delete { family, labels } => self.delete(family, labels.as_ref()),
            Change::DeleteMatching { .. } => Ok(()),
        }
    }

    fn find(&mut self, name: &Name) -> Option<Found<'a>> {
        if !self.families.is_empty()
            && let Some(planned) = self.families.get(name)
        {
            return planned.clone().map(Found::Planned);
        }
        if let Some((data, _)) = &self.stored
            && data.family.name == *name
        {
            return Some(Found::Stored(data));
        }
        let data = self.state.family(name.as_str())?;
        self.stored = Some((data, data.places()));
        Some(Found::Stored(data))
    }

    /// What a series of the stored family that was found last holds.
    fn number_at(&self, slot: u32) -> f64 {
        let places = self.stored.as_ref().map(|(_, places)| places);
        places
            .and_then(|places| places.at(slot))
            .map_or(0.0, |place| place.number())
    }

    fn target(&mut self, target: &'a Target) -> Result<Found<'a>, Reason> {
        let name = &target.family;
        if let Some(found) = self.find(name) {
            agrees(found.family(), target.define.as_deref())?;
            return Ok(found);
        }
        if is_reserved(name.as_str()) {
            return Err(Reason::ReservedName(name.clone()));
        }
        let definition = target
            .define
            .as_ref()
            .ok_or_else(|| Reason::UnknownFamily(name.clone()))?;
        let family = definition.family(name);
        self.may_define(&family)?;
        let family = Arc::new(family);
        self.exposed
            .extend(exposed_names(&family).into_iter().map(|exposed| (exposed, name)));
        self.families.insert(name, Some(family.clone()));
        self.families_len += 1;
        Ok(Found::Planned(family))
    }

    fn may_define(&self, family: &Family) -> Result<(), Reason> {
        let name = || family.name.clone();
        if !matches!(
            family.kind,
            Kind::Gauge | Kind::Counter | Kind::Histogram | Kind::Untyped
        ) {
            return Err(Reason::UnsupportedKind(name(), family.kind));
        }
        // A family that the write removed gave its names back.
        let stored = self
            .state
            .collision(family)
            .filter(|(_, by)| self.families.get(by).is_none_or(Option::is_some));
        let planned = || {
            exposed_names(family)
                .into_iter()
                .find_map(|exposed| self.exposed.get(&exposed).map(|by| (exposed, *by)))
        };
        if let Some((exposed, by)) = stored.or_else(planned) {
            return Err(Reason::NameCollision {
                name: name(),
                exposed,
                by: by.clone(),
            });
        }
        limit(self.families_len + 1, self.limits.families_max, "families_max", || {
            "the number of metrics".to_owned()
        })
    }

    fn number(&mut self, target: &'a Target) -> Result<Found<'a>, Reason> {
        let found = self.target(target)?;
        match found.family().kind {
            Kind::Histogram => Err(conflict(found.family(), "use observe")),
            _ => Ok(found),
        }
    }

    fn histogram(&mut self, target: &'a Target) -> Result<Found<'a>, Reason> {
        let found = self.target(target)?;
        match found.family().kind {
            Kind::Histogram => Ok(found),
            _ => Err(conflict(found.family(), "only a histogram can observe")),
        }
    }

    /// Looks at what the change would leave in the series, and counts the series if it would be made.
    fn store(
        &mut self,
        target: &'a Target,
        found: &Found<'a>,
        slot: Option<u32>,
        new: impl FnOnce(f64) -> f64,
    ) -> Result<(), Reason> {
        let key = (&target.family, &target.labels);
        let stored = || match found {
            Found::Stored(_) => slot.map(|slot| self.number_at(slot)),
            Found::Planned(_) => None,
        };
        let remembered = match self.series.is_empty() {
            true => None,
            false => self.series.get(&key).copied(),
        };
        let old = remembered.unwrap_or_else(stored);
        let value = new(old.unwrap_or(0.0));
        let family = found.family();
        let is_counter = family.kind == Kind::Counter;
        if is_counter {
            finite(family, value)?;
            let from = old.unwrap_or(0.0);
            if value < from {
                let (name, labels) = (target.family.clone(), target.labels.clone());
                return Err(Reason::CounterDown {
                    name,
                    labels,
                    from,
                    to: value,
                });
            }
        }
        if old.is_none() {
            self.may_create()?;
            self.created += 1;
        }
        // A series that is made here must not be counted twice; a value matters only to a counter that is changed again.
        if (self.remembers_values && is_counter) || old.is_none() {
            self.series.insert(key, Some(value));
        }
        Ok(())
    }

    fn may_create(&self) -> Result<(), Reason> {
        let catalog = &self.state.catalog;
        let (all, own) = (
            catalog.series_len() + self.created + 1,
            catalog.owners.series(self.owner) + self.created + 1,
        );
        limit(all, self.limits.series_max, "series_max", || {
            "the number of series".to_owned()
        })?;
        limit(own, self.limits.series_per_key_max, "series_per_key_max", || {
            format!("the number of series of key {:?}", self.owner)
        })
    }

    fn delete(&mut self, name: &'a Name, labels: Option<&'a Labels>) -> Result<(), Reason> {
        if is_reserved(name.as_str()) {
            return Err(Reason::ReservedName(name.clone()));
        }
        let found = self.find(name).ok_or_else(|| Reason::UnknownFamily(name.clone()))?;
        let Some(labels) = labels else {
            self.series.retain(|(family, _), _| *family != name);
            self.exposed.retain(|_, by| *by != name);
            self.families.insert(name, None);
            self.families_len -= 1;
            return Ok(());
        };
        let stored = || matches!(&found, Found::Stored(data) if data.find(labels.as_text()).is_some());
        if !self.series.get(&(name, labels)).map_or_else(stored, Option::is_some) {
            return Err(Reason::UnknownSeries(name.clone(), labels.clone()));
        }
        self.series.insert((name, labels), None);
        Ok(())
    }
}

/// Whether a name belongs to the hub.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.starts_with("metric_nexus_") || name.starts_with("__")
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
