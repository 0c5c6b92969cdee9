//! One subject, month by month.

use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::{
    Amount, Field, Limits, Mode, Period, Subject, Time,
    context::Context,
    count::AtomicAmount,
    dirty::DirtyList,
    gate::{Gate, Rules},
    month::Month,
};

/// How many months a process counts apart: from a year before its start to four years after it.
const MONTHS: usize = 64;
/// How many of them lie before its start.
const MONTHS_BEFORE: u32 = 13;

/// A subject, as long as the process lives.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) subject: Subject,
    pub(crate) mode: Mode,
    limits: Mutex<Limits>,
    months: Box<[OnceLock<Box<Month>>]>,
    /// What lies beyond them.
    beyond: OnceLock<Box<Month>>,
    /// The month that was looked for last.
    hint: AtomicUsize,
    /// It stands in the list of those that the checkpoint looks at.
    pub(crate) dirty: AtomicBool,
    dirty_list: Arc<DirtyList<Entry>>,
    /// It can be found by its name.
    pub(crate) listed: AtomicBool,
    /// How often it was refused because of each field.
    pub(crate) refused: AtomicAmount,
    /// How often it would have been.
    pub(crate) observed: AtomicAmount,
    pub(crate) context: Arc<Context>,
}

impl Entry {
    pub(crate) fn new(
        subject: Subject,
        mode: Mode,
        limits: Limits,
        context: Arc<Context>,
        dirty_list: Arc<DirtyList<Entry>>,
    ) -> Self {
        Entry {
            subject,
            mode,
            limits: Mutex::new(limits),
            months: (0..MONTHS).map(|_| OnceLock::new()).collect(),
            beyond: OnceLock::new(),
            hint: AtomicUsize::new(0),
            dirty: AtomicBool::new(false),
            dirty_list,
            listed: AtomicBool::new(true),
            refused: AtomicAmount::default(),
            observed: AtomicAmount::default(),
            context,
        }
    }

    /// The month in which this moment lies.
    #[inline]
    pub(crate) fn month_at(&self, at: Time) -> &Month {
        let hinted = self
            .months
            .get(self.hint.load(Ordering::Relaxed))
            .and_then(OnceLock::get);
        match hinted {
            Some(month) if month.contains(at) => month,
            _ => self.look_up(at),
        }
    }

    #[cold]
    fn look_up(&self, at: Time) -> &Month {
        self.month(self.context.settings.calendar.period_of(at))
    }

    /// The month of this period, or the nearest one that can be counted.
    pub(crate) fn month(&self, period: Period) -> &Month {
        let first = self.context.first_period.ordinal().saturating_sub(MONTHS_BEFORE);
        let index = (period.ordinal().saturating_sub(first) as usize).min(MONTHS);
        let slot = self.months.get(index).unwrap_or(&self.beyond);
        let mut begun = false;
        let month = slot.get_or_init(|| {
            begun = true;
            Box::new(self.begin(first.saturating_add(u32::try_from(index).unwrap_or(u32::MAX))))
        });
        if begun {
            // Whoever changed the rules while it was being made did not see it.
            self.follow_in(month);
        }
        if month.period == period {
            self.hint.store(index, Ordering::Relaxed);
        } else {
            self.context.counters.misdated.fetch_add(1, Ordering::Relaxed);
        }
        month
    }

    /// The month of this period, if anything was counted or asked in it.
    pub(crate) fn month_if_any(&self, period: Period) -> Option<&Month> {
        self.months().find(|month| month.period == period)
    }

    /// All months in which anything was counted or asked.
    pub(crate) fn months(&self) -> impl Iterator<Item = &Month> {
        self.months
            .iter()
            .chain([&self.beyond])
            .filter_map(OnceLock::get)
            .map(Box::as_ref)
    }

    /// The month of this many months after January of the year 0.
    fn begin(&self, ordinal: u32) -> Month {
        let period = Period::from_ordinal(ordinal).unwrap_or(self.context.first_period);
        let others = self.context.inherited(&self.subject, period);
        Month::new(period, &self.context.settings.calendar, others)
    }

    /// Something was counted: the checkpoint is to look.
    #[inline]
    pub(crate) fn touch(self: &Arc<Self>) {
        if !self.dirty.load(Ordering::Relaxed) {
            self.mark();
        }
    }

    #[cold]
    pub(crate) fn mark(self: &Arc<Self>) {
        if !self.dirty.swap(true, Ordering::AcqRel) {
            self.dirty_list.mark(self);
        }
    }

    /// The gate of a month, with the ceilings as they are to be at this moment.
    #[inline]
    pub(crate) fn gate_at<'a>(&self, month: &'a Month, at: Time) -> MutexGuard<'a, Gate> {
        let mut gate = month.gate();
        if gate.is_behind(self.context.generation(), at) {
            self.follow_within(month, &mut gate);
        }
        gate
    }

    pub(crate) fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
        self.follow();
    }

    /// Sets the ceilings of all months by the rules as they are.
    pub(crate) fn follow(&self) {
        self.months().for_each(|month| self.follow_in(month));
    }

    /// Sets the ceilings of a month by the rules as they are.
    pub(crate) fn follow_in(&self, month: &Month) {
        self.follow_within(month, &mut month.gate());
    }

    /// The same, for who holds the gate. The rules are read while it is held, so that of two at once the last has the last rules.
    pub(crate) fn follow_within(&self, month: &Month, gate: &mut Gate) {
        let used = month.totals_within(gate).used();
        gate.follow(&self.rules(), used);
    }

    pub(crate) fn rules(&self) -> Rules {
        // Before the link: of a change in between, the next one sees that it is behind.
        let generation = self.context.generation();
        Rules {
            generation,
            mode: self.mode,
            limits: self.limits(),
            on_loss: self.context.on_loss(),
            link: self.context.link(),
        }
    }

    /// Whether what others use makes a difference.
    pub(crate) fn is_limited(&self) -> bool {
        self.mode != Mode::Off && self.limits() != Limits::UNLIMITED
    }

    /// Whether so much of any limit is used up in this period.
    pub(crate) fn is_near(&self, period: Period, percent: u8) -> bool {
        let Some(month) = self.month_if_any(period).filter(|_| self.is_limited()) else {
            return false;
        };
        let (used, limits) = (self.used_by_all(month), self.limits());
        Field::ALL.into_iter().any(|field| {
            let near = |limit| u128::from(used.get(field)) * 100 >= u128::from(limit) * u128::from(percent);
            limits.get(field).is_some_and(near)
        })
    }

    /// Own use and that of the others, as far as it is known.
    #[expect(clippy::unused_self, reason = "a month belongs to its entry")]
    pub(crate) fn used_by_all(&self, month: &Month) -> Amount {
        let gate = month.gate();
        month.totals_within(&gate).used().plus(gate.others.used())
    }
}
