//! Many increments of the same series as one item.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// One of the items that are sent for what was appended.
enum Item<'a> {
    Verbatim(&'a str),
    /// A sum of whole numbers, none of which is of the other sign.
    Sum {
        first: &'a str,
        fields: Map<String, Value>,
        total: i64,
        appended: usize,
    },
}

/// Up to here a double counts in ones.
const WHOLE_MAX: i64 = 1 << 53;

/// What can become a part of a sum: a whole number, and where it is added to.
struct Addend {
    metric: String,
    amount: i64,
    /// All but `op` and `value`.
    fields: Map<String, Value>,
}

/// The items, with those added up that have the same effect so: whole amounts of one sign for one series, which say the
/// same of what it is, with nothing between them that does anything else to the metric. Each stands where the first of
/// them stood.
///
/// A pure function of the items: the bytes of a batch that was sealed are made by it only once, though.
pub(super) fn coalesce(items: &[String]) -> Vec<String> {
    let mut sums = Sums::default();
    let mut out: Vec<Item<'_>> = Vec::new();
    for text in items {
        let parsed: Option<Map<String, Value>> = serde_json::from_str(text).ok();
        let metric = parsed
            .as_ref()
            .and_then(|fields| fields.get("metric")?.as_str().map(str::to_owned));
        let Some(addend) = parsed.and_then(addend) else {
            sums.barrier(metric);
            out.push(Item::Verbatim(text));
            continue;
        };
        let slot = sums.slot(&addend, out.len());
        match out.get_mut(slot) {
            Some(Item::Sum { total, appended, .. }) if whole(*total, addend.amount).is_some() => {
                *total += addend.amount;
                *appended += 1;
            }
            _ => {
                sums.restart(&addend, out.len());
                out.push(Item::Sum {
                    first: text,
                    fields: addend.fields,
                    total: addend.amount,
                    appended: 1,
                });
            }
        }
    }
    out.into_iter().map(Item::text).collect()
}

impl Item<'_> {
    fn text(self) -> String {
        match self {
            Item::Verbatim(text)
            | Item::Sum {
                first: text,
                appended: 1,
                ..
            } => text.to_owned(),
            Item::Sum { mut fields, total, .. } => {
                fields.insert("op".to_owned(), "add".into());
                fields.insert("value".to_owned(), total.into());
                Value::Object(fields).to_string()
            }
        }
    }
}

fn addend(mut fields: Map<String, Value>) -> Option<Addend> {
    let metric = fields.get("metric")?.as_str()?.to_owned();
    let op = fields.remove("op")?;
    let value = fields.remove("value");
    let amount = match (op.as_str()?, &value) {
        ("inc", None) => 1,
        ("dec", None) => -1,
        ("add", Some(value)) => whole_number(value)?,
        ("sub", Some(value)) => -whole_number(value)?,
        _ => return None,
    };
    Some(Addend { metric, amount, fields })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "it was asked whether it is whole and small"
)]
fn whole_number(value: &Value) -> Option<i64> {
    let value = value.as_f64()?;
    (value.fract() == 0.0 && value.abs() <= WHOLE_MAX as f64).then_some(value as i64)
}

fn whole(one: i64, other: i64) -> Option<i64> {
    one.checked_add(other).filter(|sum| sum.abs() <= WHOLE_MAX)
}

/// Where the sums are to which more can be added.
#[derive(Default)]
struct Sums {
    metrics: HashMap<String, Metric>,
}

#[derive(Default)]
struct Metric {
    /// What the items say of the metric, all but the labels.
    definition: String,
    /// By labels and sign.
    slots: HashMap<(String, bool), usize>,
}

impl Sums {
    /// Something else happens to a metric: nothing behind it may be moved before it. What is not understood may be
    /// anything.
    fn barrier(&mut self, metric: Option<String>) {
        match metric {
            Some(metric) => drop(self.metrics.remove(&metric)),
            None => self.metrics.clear(),
        }
    }

    /// The place of the sum that this can be added to; `otherwise`, if there is none.
    fn slot(&mut self, addend: &Addend, otherwise: usize) -> usize {
        let (labels, definition) = split(&addend.fields);
        let metric = self.metrics.entry(addend.metric.clone()).or_default();
        if metric.definition != definition {
            *metric = Metric {
                definition,
                slots: HashMap::new(),
            };
        }
        *metric.slots.entry((labels, addend.amount < 0)).or_insert(otherwise)
    }

    fn restart(&mut self, addend: &Addend, slot: usize) {
        let (labels, _) = split(&addend.fields);
        if let Some(metric) = self.metrics.get_mut(&addend.metric) {
            metric.slots.insert((labels, addend.amount < 0), slot);
        }
    }
}

fn split(fields: &Map<String, Value>) -> (String, String) {
    let labels = fields.get("labels").map_or_else(String::new, Value::to_string);
    let definition = fields
        .iter()
        .filter(|(name, _)| !matches!(&***name, "labels" | "metric"));
    let definition = definition.map(|(name, value)| format!("{name}={value};"));
    (labels, definition.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `OP METRIC{LABELS} [VALUE]`, `!` behind the metric for a definition.
    fn item(short: &str) -> String {
        let words: Vec<&str> = short.split(' ').collect();
        let (metric, definition) = match words[1].strip_suffix('!') {
            Some(metric) => (metric, r#","type":"counter""#),
            None => (words[1], ""),
        };
        let (metric, labels) = match metric.split_once('/') {
            Some((metric, label)) => (metric, format!(r#","labels":{{"l":"{label}"}}"#)),
            None => (metric, String::new()),
        };
        let value = words
            .get(2)
            .map_or_else(String::new, |value| format!(r#","value":{value}"#));
        format!(
            r#"{{"op":"{}","metric":"{metric}"{labels}{definition}{value}}}"#,
            words[0]
        )
    }

    fn short(item: &str) -> String {
        let fields: Map<String, Value> = serde_json::from_str(item).unwrap();
        let label = fields
            .get("labels")
            .map_or(String::new(), |labels| format!("/{}", labels["l"].as_str().unwrap()));
        let defines = if fields.contains_key("type") { "!" } else { "" };
        let value = fields.get("value").map_or(String::new(), |value| format!(" {value}"));
        format!(
            "{} {}{label}{defines}{value}",
            fields["op"].as_str().unwrap(),
            fields["metric"].as_str().unwrap()
        )
    }

    #[track_caller]
    fn check(appended: &[&str], expected: &[&str]) {
        let items: Vec<String> = appended.iter().map(|text| item(text)).collect();
        let found: Vec<String> = coalesce(&items).iter().map(|text| short(text)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn increments_of_a_series_are_added_up() {
        check(&[], &[]);
        check(&["inc a"], &["inc a"]);
        check(&["inc a", "inc a", "add a 3"], &["add a 5"]);
        check(&["inc a/x", "inc a/y", "inc a/x"], &["add a/x 2", "inc a/y"]);
        check(&["inc a!", "inc b", "inc a!"], &["add a! 2", "inc b"]);
        check(&["dec a", "sub a 2"], &["add a -3"]);
        check(&["inc a", "add a 2.0"], &["add a 3"]);
    }

    #[test]
    fn what_would_mean_something_else_is_left_as_it_is() {
        // A counter refuses the one, not the other.
        check(&["inc a", "dec a", "inc a", "dec a"], &["add a 2", "add a -2"]);
        check(&["add a 0.5", "add a 0.5"], &["add a 0.5", "add a 0.5"]);
        check(&["inc a", "add a 0.5", "inc a"], &["inc a", "add a 0.5", "inc a"]);
        check(&["inc a", "set a 7", "inc a"], &["inc a", "set a 7", "inc a"]);
        check(&["inc a", "delete a", "inc a"], &["inc a", "delete a", "inc a"]);
        check(&["inc a", "set b 7", "inc a"], &["add a 2", "set b 7"]);
        // The first needs a metric that exists, the second makes it.
        check(&["inc a/x", "inc a/y!", "inc a/x"], &["inc a/x", "inc a/y!", "inc a/x"]);
        check(&["observe a 1", "observe a 1"], &["observe a 1", "observe a 1"]);
        check(&["inc a 1", "inc a"], &["inc a 1", "inc a"]);
        check(
            &["add a 9007199254740992", "inc a", "inc a"],
            &["add a 9007199254740992", "add a 2"],
        );
    }

    #[test]
    fn what_is_not_understood_is_passed_on() {
        let items = ["nonsense", "{}", "[]"].map(str::to_owned);
        assert_eq!(coalesce(&items), items);
        let inc = item("inc a");
        let items = [inc.clone(), "nonsense".to_owned(), inc];
        assert_eq!(coalesce(&items), items);
    }
}
