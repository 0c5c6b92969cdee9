//! What was measured, as a table for people and as JSON for programs.

use serde::Serialize;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Things a second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes a series.
    BytesPerSeries,
    /// A part of one processor core.
    Cores,
}

/// A number with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantity {
    /// The number.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

impl Quantity {
    /// A rate.
    #[must_use]
    pub fn per_second(value: f64) -> Self {
        Quantity {
            value,
            unit: Unit::PerSecond,
        }
    }

    /// A time.
    #[must_use]
    pub fn seconds(value: f64) -> Self {
        Quantity {
            value,
            unit: Unit::Seconds,
        }
    }

    /// An amount of memory.
    #[must_use]
    pub fn bytes(value: f64) -> Self {
        Quantity {
            value,
            unit: Unit::Bytes,
        }
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.value;
        let text = match self.unit {
            Unit::PerSecond if value >= 1e6 => format!("{:.2} M/s", value / 1e6),
            Unit::PerSecond if value >= 1e3 => format!("{:.1} k/s", value / 1e3),
            Unit::PerSecond => format!("{value:.1} /s"),
            Unit::Seconds if value >= 1.0 => format!("{value:.2} s"),
            Unit::Seconds if value >= 1e-3 => format!("{:.1} ms", value * 1e3),
            Unit::Seconds => format!("{:.0} µs", value * 1e6),
            Unit::Bytes => format!("{:.1} MB", value / 1e6),
            Unit::BytesPerSeries => format!("{value:.0} B"),
            Unit::Cores => format!("{:.2} %", value * 100.0),
        };
        f.pad(&text)
    }
}

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Ours is at least so much times the reference.
    RatioAtLeast(f64),
    /// Ours is at most so much times the reference.
    RatioAtMost(f64),
    /// Ours is at least this.
    AtLeast(f64),
    /// Ours is at most this.
    AtMost(f64),
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What was done.
    pub work: String,
    /// What the hub made of it.
    pub ours: Quantity,
    /// Who else did it in the same run, and what they made of it.
    pub reference: Option<(String, Quantity)>,
    /// What was wanted.
    pub goal: Option<Goal>,
}

impl Row {
    /// A line without reference and goal.
    #[must_use]
    pub fn new(work: impl Into<String>, ours: Quantity) -> Self {
        Row {
            work: work.into(),
            ours,
            reference: None,
            goal: None,
        }
    }

    /// Adds what it is compared with.
    #[must_use]
    pub fn beside(mut self, who: &str, theirs: f64) -> Self {
        let unit = self.ours.unit;
        self.reference = Some((who.to_owned(), Quantity { value: theirs, unit }));
        self
    }

    /// Adds what is wanted.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    /// Ours divided by the reference's.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let (_, theirs) = self.reference.as_ref()?;
        Some(self.ours.value / theirs.value)
    }

    /// Whether the goal is met; none without a goal, or without the reference that it needs.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        Some(match self.goal? {
            Goal::RatioAtLeast(least) => self.ratio()? >= least,
            Goal::RatioAtMost(most) => self.ratio()? <= most,
            Goal::AtLeast(least) => self.ours.value >= least,
            Goal::AtMost(most) => self.ours.value <= most,
        })
    }

    fn cells(&self) -> [String; 6] {
        let quantity = |value| {
            let unit = self.ours.unit;
            Quantity { value, unit }.to_string()
        };
        let goal = match self.goal {
            None => String::new(),
            Some(Goal::RatioAtLeast(least)) => format!(">= {least} x"),
            Some(Goal::RatioAtMost(most)) => format!("<= {most} x"),
            Some(Goal::AtLeast(least)) => format!(">= {}", quantity(least)),
            Some(Goal::AtMost(most)) => format!("<= {}", quantity(most)),
        };
        let reference = self.reference.as_ref();
        let reference = reference.map_or_else(String::new, |(who, theirs)| format!("{who} {theirs}"));
        let ratio = self.ratio().map_or_else(String::new, |ratio| format!("{ratio:.3}"));
        let met = match self.is_met() {
            None => "",
            Some(true) => "met",
            Some(false) => "NOT MET",
        };
        [
            self.work.clone(),
            self.ours.to_string(),
            reference,
            ratio,
            goal,
            met.to_owned(),
        ]
    }
}

/// The lines of one run.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// What was measured with, on what.
    pub title: String,
    /// The lines, in the order in which they were measured.
    pub rows: Vec<Row>,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

const HEADINGS: [&str; 6] = ["work", "ours", "reference", "ratio", "goal", ""];

impl std::fmt::Display for Table {
    /// As a Markdown table that is aligned for reading.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<[String; 6]> = std::iter::once(HEADINGS.map(String::from))
            .chain(self.rows.iter().map(Row::cells))
            .collect();
        let mut widths = [0; 6];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = cell.chars().count().max(*width);
            }
        }
        writeln!(f, "{}\n", self.title)?;
        for (number, line) in lines.iter().enumerate() {
            for (width, cell) in widths.iter().zip(line) {
                write!(f, "| {cell:<width$} ")?;
            }
            writeln!(f, "|")?;
            if number == 0 {
                widths
                    .iter()
                    .try_for_each(|width| write!(f, "|{}", "-".repeat(width + 2)))?;
                writeln!(f, "|")?;
            }
        }
        self.skipped
            .iter()
            .try_for_each(|what| writeln!(f, "\nskipped: {what}"))
    }
}

/// The middle one; the lower of two.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_met_or_not() {
        let row = || Row::new("work", Quantity::seconds(2.0)).beside("other", 4.0);
        let check = |goal, expected| assert_eq!(row().goal(goal).is_met(), Some(expected), "{goal:?}");
        check(Goal::RatioAtMost(0.5), true);
        check(Goal::RatioAtMost(0.4), false);
        check(Goal::RatioAtLeast(0.5), true);
        check(Goal::RatioAtLeast(0.6), false);
        check(Goal::AtMost(2.0), true);
        check(Goal::AtMost(1.9), false);
        check(Goal::AtLeast(2.0), true);
        check(Goal::AtLeast(2.1), false);
        assert_eq!(row().is_met(), None);
        let alone = Row::new("work", Quantity::seconds(2.0)).goal(Goal::RatioAtMost(1.0));
        assert_eq!(alone.is_met(), None);
    }

    #[test]
    fn the_median_is_the_lower_of_two_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.0);
    }
}
