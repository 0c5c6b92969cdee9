//! What is asked.

use std::{cmp::Ordering, str::FromStr};

use nexus_calendar::{AnchorDay, Time, Zone};

use super::{Column, Filter, ParseColumnError, ReportRow, Window};
use crate::amounts::Amounts;

/// What to report. The default: everything, in one row.
#[derive(Debug, Clone)]
pub struct Query {
    /// How long the windows are; none for one window over the whole time.
    pub window: Option<Window>,
    /// What to group by.
    pub group_by: Vec<Column>,
    /// Which records to count: all conditions hold.
    pub filters: Vec<Filter>,
    /// From when on, rounded down to the second; none for all there is.
    pub from: Option<Time>,
    /// Until when, exclusive, rounded down to the second; none for all there is.
    pub to: Option<Time>,
    /// Whose days and months.
    pub zone: Zone,
    /// On which day the months of [`Window::Month`] begin, at the start of the zone's day.
    pub anchor_day: AnchorDay,
    /// In which order: by window and group where this does not decide.
    pub order: Vec<OrderBy>,
    /// How many rows, of those in front.
    pub limit: Option<usize>,
    /// How many rows there may be before the limit. Default 1 000 000.
    pub rows_max: usize,
}

impl Default for Query {
    fn default() -> Self {
        Query {
            window: None,
            group_by: Vec::new(),
            filters: Vec::new(),
            from: None,
            to: None,
            zone: Zone::default(),
            anchor_day: AnchorDay::default(),
            order: Vec::new(),
            limit: None,
            rows_max: 1_000_000,
        }
    }
}

/// A question that has no answer: its conditions can never hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// No record is so: all conditions must hold.
    #[error("no record can be both {0} and {1}: all conditions must hold")]
    Contradiction(String, String),
    /// There is no time between the two.
    #[error("the end is not after the beginning: from {0}, to {1}")]
    NoTime(Time, Time),
    /// It is not grouped by this, so nothing could be ordered by it.
    #[error("rows cannot be ordered by {0}, which they are not grouped by")]
    Order(Column),
}

impl Query {
    /// Whether any records could be so.
    ///
    /// # Errors
    /// Why there are none.
    pub fn check(&self) -> Result<(), QueryError> {
        if let Some((one, other)) = Filter::contradiction(&self.filters) {
            return Err(QueryError::Contradiction(one.to_string(), other.to_string()));
        }
        if let Some((from, to)) = self.from.zip(self.to)
            && from.seconds() >= to.seconds()
        {
            return Err(QueryError::NoTime(from, to));
        }
        let is_unknown = |column: &&Column| !self.group_by.contains(column);
        let ordered = self.order.iter().filter_map(OrderBy::column);
        match ordered.into_iter().find(is_unknown) {
            Some(column) => Err(QueryError::Order(column.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn fill_range(&mut self, (from, to): (i64, i64)) {
        self.from.get_or_insert(Time::from_seconds(from));
        self.to.get_or_insert(Time::from_seconds(to));
    }

    pub(super) fn sort(&self, rows: &mut Vec<ReportRow>) {
        rows.sort_by(|a, b| {
            let by_order = self.order.iter().map(|order| order.compare(a, b, &self.group_by));
            let by_default = || a.window.cmp(&b.window).then_with(|| a.group.cmp(&b.group));
            by_order.fold(Ordering::Equal, Ordering::then).then_with(by_default)
        });
        rows.truncate(self.limit.unwrap_or(usize::MAX));
    }
}

/// One thing to order by. Read from `calls`, `-calls` (downwards), `window`, `key`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderBy {
    /// What.
    pub by: Order,
    /// Which way.
    pub direction: Direction,
}

/// What rows are ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// The window's start.
    Window,
    /// A sum.
    Measure(Measure),
    /// A column that the query groups by; any other decides nothing.
    Column(Column),
}

/// The sums of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Requests.
    Calls,
    /// Bytes received.
    BytesIn,
    /// Bytes sent.
    BytesOut,
    /// Bytes of bodies received.
    BodyBytesIn,
    /// Bytes of bodies sent.
    BodyBytes,
    /// Time spent.
    Duration,
}

impl Measure {
    /// All, in the order of the formats.
    pub const ALL: [Measure; 6] = [
        Self::Calls,
        Self::BytesIn,
        Self::BytesOut,
        Self::BodyBytesIn,
        Self::BodyBytes,
        Self::Duration,
    ];

    /// Its name; with its unit, if that is not bytes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::BytesIn => "bytes_in",
            Self::BytesOut => "bytes_out",
            Self::BodyBytesIn => "body_bytes_in",
            Self::BodyBytes => "body_bytes",
            Self::Duration => "duration_ns",
        }
    }

    /// What it is in `amounts`.
    #[must_use]
    pub const fn of(self, amounts: &Amounts) -> u64 {
        match self {
            Self::Calls => amounts.calls,
            Self::BytesIn => amounts.bytes_in,
            Self::BytesOut => amounts.bytes_out,
            Self::BodyBytesIn => amounts.body_bytes_in,
            Self::BodyBytes => amounts.body_bytes,
            Self::Duration => amounts.duration_ns,
        }
    }
}

/// Which way an order goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The least first.
    #[default]
    Ascending,
    /// The greatest first.
    Descending,
}

impl OrderBy {
    fn column(&self) -> Option<&Column> {
        match &self.by {
            Order::Column(column) => Some(column),
            Order::Window | Order::Measure(_) => None,
        }
    }

    fn compare(&self, a: &ReportRow, b: &ReportRow, group_by: &[Column]) -> Ordering {
        let ascending = match &self.by {
            Order::Window => a.window.cmp(&b.window),
            Order::Measure(measure) => measure.of(&a.amounts).cmp(&measure.of(&b.amounts)),
            Order::Column(column) => {
                let place = group_by.iter().position(|known| known == column);
                place.map_or(Ordering::Equal, |place| a.group.get(place).cmp(&b.group.get(place)))
            }
        };
        match self.direction {
            Direction::Ascending => ascending,
            Direction::Descending => ascending.reverse(),
        }
    }
}

impl FromStr for OrderBy {
    type Err = ParseColumnError;

    fn from_str(text: &str) -> Result<Self, ParseColumnError> {
        let (name, direction) = match text.strip_prefix('-') {
            Some(name) => (name, Direction::Descending),
            None => (text, Direction::Ascending),
        };
        let measure = Measure::ALL.into_iter().find(|measure| measure.name() == name);
        let by = match (name, measure) {
            ("window", _) => Order::Window,
            (_, Some(measure)) => Order::Measure(measure),
            (_, None) => Order::Column(name.parse()?),
        };
        Ok(OrderBy { by, direction })
    }
}
