//! `nexus list`.

use nexus_metric::Labels;
use serde_json::{Map, Value, json};

use super::{
    Exit, Failure, Hub, Output, arguments,
    change::{json_number, spelled},
};
use crate::Series;

/// How much is printed at once.
const PRINTED_BYTES: usize = 32 << 10;

/// Prints the series that match, as they come: one a line.
pub(super) async fn list(hub: &Hub, output: &Output, list: &arguments::List) -> Result<Exit, Failure> {
    let selectors = list.selectors.iter();
    let mut series = selectors.fold(hub.client.list(), |list, selector| list.matching(selector));
    let mut lines = String::new();
    loop {
        let next = series.next().await;
        let is_last = !matches!(next, Ok(Some(_)));
        if is_last || lines.len() >= PRINTED_BYTES {
            output.data(&std::mem::take(&mut lines))?;
        }
        let Some(series) = next.map_err(|error| Failure::of(&error))? else {
            return Ok(Exit::Done);
        };
        let line = if output.is_json() {
            as_json(&series).to_string()
        } else {
            as_text(&series)
        };
        lines.push_str(&line);
        lines.push('\n');
    }
}

/// As in a scrape; of a histogram, count and sum.
fn as_text(series: &Series) -> String {
    let labels = Labels::from_pairs(series.labels()).map_or_else(|_| String::new(), |labels| labels.to_string());
    let name = series.name();
    match (series.value(), series.histogram()) {
        (Some(value), _) => format!("{name}{labels} {}", spelled(value)),
        (None, Some(histogram)) => {
            let (count, sum) = (histogram.count(), spelled(histogram.sum()));
            format!("{name}_count{labels} {count}\n{name}_sum{labels} {sum}")
        }
        (None, None) => format!("{name}{labels}"),
    }
}

fn as_json(series: &Series) -> Value {
    let labels: Map<String, Value> = series
        .labels()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let mut json = json!({"metric": series.name(), "labels": labels});
    let Some(fields) = json.as_object_mut() else {
        return json;
    };
    if let Some(value) = series.value() {
        fields.insert("value".to_owned(), json_number(value));
    }
    if let Some(histogram) = series.histogram() {
        let bucket = |bucket: &crate::Bucket| json!({"le": json_number(bucket.bound()), "count": bucket.count()});
        let buckets: Vec<Value> = histogram.buckets().iter().map(bucket).collect();
        fields.insert("buckets".to_owned(), buckets.into());
        fields.insert("sum".to_owned(), json_number(histogram.sum()));
        fields.insert("count".to_owned(), histogram.count().into());
    }
    json
}
