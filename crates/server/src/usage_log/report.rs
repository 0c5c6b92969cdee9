//! What is asked of the usage log, and its answer.

use std::{fmt::Display, io, str::FromStr};

use jiff::Timestamp;
use nexus_usage_log::{AnchorDay, Format, Query, QueryError, ReportError, Time, Window};

use super::{NoReport, Place};

/// What is asked of the usage log, as texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) window: Option<String>,
    pub(crate) group_by: Vec<String>,
    pub(crate) filters: Vec<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) anchor_day: Option<String>,
    pub(crate) order: Vec<String>,
    pub(crate) limit: Option<usize>,
}

/// Something of it cannot be understood; the text names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct AskedWrong(String);

impl Asked {
    pub(crate) fn read(&self) -> Result<Query, AskedWrong> {
        let window = one("window", self.window.as_deref())?;
        let now = Time::now();
        let query = Query {
            window,
            group_by: all("group-by", &self.group_by)?,
            filters: all("where", &self.filters)?,
            from: self.from.as_deref().map(|text| moment("from", text, now)).transpose()?,
            to: self.to.as_deref().map(|text| moment("to", text, now)).transpose()?,
            zone: one("zone", self.zone.as_deref())?.unwrap_or_default(),
            anchor_day: self.anchor_day(window)?,
            order: all("order", &self.order)?,
            limit: self.limit,
            ..Query::default()
        };
        query.check().map_err(|error| {
            let name = match error {
                QueryError::NoTime(..) => "to",
                QueryError::Order(_) => "order",
                _ => "where",
            };
            AskedWrong(format!("{name}: {error}"))
        })?;
        Ok(query)
    }

    /// Refused where it would mean nothing: whoever gives it takes the windows for months.
    fn anchor_day(&self, window: Option<Window>) -> Result<AnchorDay, AskedWrong> {
        let day = one("anchor-day", self.anchor_day.as_deref())?;
        if day.is_some() && window != Some(Window::Month) {
            let months = Window::Month;
            return Err(AskedWrong(format!(
                "anchor-day: only months begin on one, ask for windows of {months}"
            )));
        }
        Ok(day.unwrap_or_default())
    }
}

/// Makes the report and writes it, also beside a hub that stores.
pub(crate) fn write(place: &Place, query: &Query, format: Format, out: &mut dyn io::Write) -> Result<(), NoReport> {
    let report = place.report(query)?;
    let written = report.write(format, out);
    Ok(written.map_err(|error| ReportError::Output("usage".to_owned(), error))?)
}

fn one<T: FromStr<Err: Display>>(name: &str, text: Option<&str>) -> Result<Option<T>, AskedWrong> {
    let read = text.map(str::parse).transpose();
    read.map_err(|error| AskedWrong(format!("{name}: {error}")))
}

/// Each text may hold several behind commas.
fn all<T: FromStr<Err: Display>>(name: &str, texts: &[String]) -> Result<Vec<T>, AskedWrong> {
    let parts = texts
        .iter()
        .flat_map(|text| text.split(','))
        .filter(|part| !part.is_empty());
    let read: Result<_, T::Err> = parts.map(str::parse).collect();
    read.map_err(|error| AskedWrong(format!("{name}: {error}")))
}

/// RFC 3339, a day (its beginning in UTC), seconds since 1970, or how long ago: `-24h`, `now`.
fn moment(name: &str, text: &str, now: Time) -> Result<Time, AskedWrong> {
    let seconds = text.parse().ok().or_else(|| ago(text, now)).or_else(|| {
        let whole = if text.len() == "2026-11-01".len() {
            format!("{text}T00:00:00Z")
        } else {
            text.to_owned()
        };
        Some(whole.parse::<Timestamp>().ok()?.as_second())
    });
    let wrong = || {
        AskedWrong(format!(
            "{name}: expected 2026-11-01T12:00:00Z, 2026-11-01, seconds since 1970, or how long ago, such as -24h, -7d or now, got {text:?}"
        ))
    };
    seconds.map(Time::from_seconds).ok_or_else(wrong)
}

/// `now`, `-90s`, `-15m`, `-24h`, `-7d`, `-1w`, also one after the other: `-1d12h`. `now-24h` as others write it.
fn ago(text: &str, now: Time) -> Option<i64> {
    if text == "now" {
        return Some(now.seconds());
    }
    let mut rest = text.strip_prefix("now").unwrap_or(text).strip_prefix('-')?;
    if rest.is_empty() {
        return None;
    }
    let mut ago = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (count, behind) = rest.split_at_checked(digits)?;
        let mut letters = behind.chars();
        let unit = match letters.next()? {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            _ => return None,
        };
        ago = count.parse::<i64>().ok()?.checked_mul(unit)?.checked_add(ago)?;
        rest = letters.as_str();
    }
    now.seconds().checked_sub(ago)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_four_forms() {
        let now = Time::from_seconds(1_000_000);
        let check = |text: &str, expected: Option<i64>| {
            let read = moment("from", text, now).ok().map(Time::seconds);
            assert_eq!(read, expected, "{text}");
        };
        check("1970-01-02T00:00:01Z", Some(86_401));
        check("1970-01-01T01:00:00+01:00", Some(0));
        check("1970-01-02", Some(86_400));
        check("86400", Some(86_400));
        check("-1", Some(-1));
        check("now", Some(1_000_000));
        check("-90s", Some(999_910));
        check("-24h", Some(913_600));
        check("-1d12h", Some(870_400));
        check("-1w", Some(395_200));
        check("now-15m", Some(999_100));
        for bad in [
            "-",
            "24h",
            "+24h",
            "-h",
            "-24",
            "-24x",
            "-1mo",
            "now+1h",
            "nowish",
            "-99999999999999999999h",
            "-9223372036854775807w",
        ] {
            check(bad, if bad == "-24" { Some(-24) } else { None });
        }
        check("yesterday", None);
        check("", None);
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        let check = |asked: Asked, expected: &str| {
            let error = asked.read().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        };
        let text = |text: &str| Some(text.to_owned());
        check(
            Asked {
                window: text("7s"),
                ..Asked::default()
            },
            "window: ",
        );
        check(
            Asked {
                group_by: vec!["key,colour".to_owned()],
                ..Asked::default()
            },
            "group-by: ",
        );
        check(
            Asked {
                filters: vec!["status".to_owned()],
                ..Asked::default()
            },
            "where: ",
        );
        check(
            Asked {
                zone: text("Mars/Olympus"),
                ..Asked::default()
            },
            "zone: ",
        );
        check(
            Asked {
                window: text("1mo"),
                anchor_day: text("32"),
                ..Asked::default()
            },
            "anchor-day: \"32\" ",
        );
        check(
            Asked {
                window: text("1d"),
                anchor_day: text("15"),
                ..Asked::default()
            },
            "anchor-day: only months ",
        );
        check(
            Asked {
                order: vec!["beauty".to_owned()],
                ..Asked::default()
            },
            "order: ",
        );
        let filters = |filters: &[&str]| Asked {
            filters: filters.iter().map(|&filter| filter.to_owned()).collect(),
            ..Asked::default()
        };
        check(filters(&["status=abc"]), "where: status is never \"abc\": say ");
        check(
            filters(&["status=200,status=404"]),
            "where: no record can be both status=200 and status=404: ",
        );
        check(filters(&["key=a", "key!=a"]), "where: no record can be both ");
        check(
            Asked {
                from: text("-1h"),
                to: text("-2h"),
                ..Asked::default()
            },
            "to: the end is not after the beginning: ",
        );
        check(
            Asked {
                order: vec!["key".to_owned()],
                ..Asked::default()
            },
            "order: rows cannot be ordered by key, ",
        );
        check(
            Asked {
                to: text("soon"),
                ..Asked::default()
            },
            "to: ",
        );
    }
}
