//! Which records a report counts.

use std::{fmt, str::FromStr};

use super::{Column, ParseColumnError};
use crate::record::Outcome;

/// Which records are counted: all conditions hold. Read from `status=200`, `status=5xx`, `key!=ci` or `label.zoom=11`. Texts are taken
/// as they stand, also an empty one; a status and an outcome must be such that some record could have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// What is looked at.
    pub column: Column,
    /// Whether it is to be `value` or anything else.
    pub equal: bool,
    /// The value; for [`Column::Status`] also a class, as `5xx`.
    pub value: String,
}

impl Filter {
    pub(super) fn admits(&self, value: &str) -> bool {
        self.covers(value) == self.equal
    }

    /// Whether `value` is the one that this looks for, or of its class.
    fn covers(&self, value: &str) -> bool {
        match class(&self.value).filter(|_| self.column == Column::Status) {
            Some(class) => value.len() == 3 && value.starts_with(class) || class == '0' && value.len() < 3,
            None => self.value == value,
        }
    }

    /// Two conditions of which never both hold, if there are such.
    pub(super) fn contradiction(filters: &[Filter]) -> Option<(&Filter, &Filter)> {
        let pairs = filters.iter().filter(|wanted| wanted.equal);
        let mut pairs = pairs.flat_map(|wanted| filters.iter().map(move |other| (wanted, other)));
        pairs.find(|(wanted, other)| wanted.column == other.column && !wanted.can_hold_beside(other))
    }

    fn can_hold_beside(&self, other: &Filter) -> bool {
        let is_class = |filter: &Filter| filter.column == Column::Status && class(&filter.value).is_some();
        match (is_class(self), is_class(other)) {
            (true, true) => (self.value == other.value) == other.equal,
            // Of a class all but one are left.
            (true, false) => !other.equal || self.admits(&other.value),
            (false, _) => other.admits(&self.value),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.equal { "=" } else { "!=" };
        write!(f, "{}{sign}{}", self.column, self.value)
    }
}

impl FromStr for Filter {
    type Err = ParseColumnError;

    fn from_str(text: &str) -> Result<Self, ParseColumnError> {
        let no_condition = || ParseColumnError::NoCondition(text.to_owned());
        let (left, value) = text.split_once('=').ok_or_else(no_condition)?;
        let (name, equal) = left.strip_suffix('!').map_or((left, true), |name| (name, false));
        let column: Column = name.parse()?;
        let value = value_of(&column, value).map_err(|expected| ParseColumnError::Value {
            column: column.clone(),
            value: value.chars().take(100).collect(),
            expected,
        })?;
        Ok(Filter { column, equal, value })
    }
}

/// The value as records have it, or what it must be.
fn value_of(column: &Column, text: &str) -> Result<String, &'static str> {
    let text = text.to_owned();
    match column {
        Column::Status => status(&text).ok_or("a number from 0 to 999, or a class such as 5xx"),
        Column::StatusClass => classes(&text).ok_or("a class such as 5xx"),
        Column::Outcome if text.parse::<Outcome>().is_err() => Err("complete, aborted, error or ongoing"),
        _ => Ok(text),
    }
}

fn status(text: &str) -> Option<String> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = || text.parse::<u16>().ok().filter(|status| is_digits && *status <= 999);
    classes(text).or_else(|| Some(number()?.to_string()))
}

fn classes(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    class(&lower).map(|_| lower)
}

/// The `5` of `5xx`.
fn class(text: &str) -> Option<char> {
    text.strip_suffix("xx")?.parse().ok().filter(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_for_a_value_or_a_class() {
        let check = |filter: &str, value: &str, expected: bool| {
            let filter: Filter = filter.parse().unwrap();
            assert_eq!(filter.admits(value), expected, "{filter} {value}");
        };
        check("status=5xx", "503", true);
        check("status=5XX", "503", true);
        check("status=5xx", "403", false);
        check("status!=5xx", "403", true);
        check("status!=5xx", "503", false);
        check("status=0xx", "0", true);
        check("status=200", "200", true);
        check("status=0200", "200", true);
        check("status_class=2xx", "2xx", true);
        check("outcome!=complete", "aborted", true);
        check("key=5xx", "5xx", true);
        check("key=5xx", "503", false);
        check("key=", "", true);
        check("label.a=b=c", "b=c", true);
    }

    #[test]
    fn what_no_record_can_have_is_refused() {
        let check = |filter: &str, expected: &str| {
            let error = filter.parse::<Filter>().unwrap_err().to_string();
            assert_eq!(error, expected, "{filter}");
        };
        let status = "say a number from 0 to 999, or a class such as 5xx";
        for value in [
            "abc", "", "1000", "-1", "+200", "5x", "xx", "55xx", "5xxx", " 200", "200.0", "ok",
        ] {
            check(
                &format!("status={value}"),
                &format!("status is never {value:?}: {status}"),
            );
            check(
                &format!("status!={value}"),
                &format!("status is never {value:?}: {status}"),
            );
        }
        check(
            "status_class=500",
            "status_class is never \"500\": say a class such as 5xx",
        );
        check(
            "outcome=failed",
            "outcome is never \"failed\": say complete, aborted, error or ongoing",
        );
        check("status", "\"status\" is not of the form COLUMN=VALUE or COLUMN!=VALUE");
    }

    #[test]
    fn conditions_of_which_never_both_hold_are_found() {
        let check = |filters: &[&str], expected: bool| {
            let filters: Vec<Filter> = filters.iter().map(|filter| filter.parse().unwrap()).collect();
            assert_eq!(Filter::contradiction(&filters).is_some(), expected, "{filters:?}");
        };
        check(&["status=200", "status=404"], true);
        check(&["status=200", "status=4xx"], true);
        check(&["status=5xx", "status=4xx"], true);
        check(&["status=503", "status!=5xx"], true);
        check(&["status=5xx", "status!=5xx"], true);
        check(&["key=a", "key!=a"], true);
        check(&["label.a=1", "label.a=2"], true);
        check(&["status=5xx", "status!=503"], false);
        check(&["status=5xx", "status=503"], false);
        check(&["status=503", "status=5xx"], false);
        check(&["status!=200", "status!=404"], false);
        check(&["label.a=1", "label.b=2"], false);
        check(&["key=a", "key=a"], false);
        check(&[], false);
    }
}
