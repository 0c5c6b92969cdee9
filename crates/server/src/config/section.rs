//! Walks the YAML of a configuration file: asks for settings by name, collects every error, knows what was not
//! asked for.

use super::error::Errors;
use crate::feature::Feature;
use std::{cell::RefCell, fmt::Write as _};
use strsim::levenshtein;
use yaml_serde::{Mapping, Value};

/// One mapping of the file.
///
/// A setting that is absent or null (`name:` with nothing behind it) is not set. [`Section::finish`] reports the
/// entries that nobody asked for.
pub(super) struct Section<'a> {
    file: &'a str,
    /// Dotted; empty at the top of the file.
    path: String,
    entries: Option<&'a Mapping>,
    asked_for: RefCell<Vec<&'static str>>,
    errors: &'a Errors,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn top(file: &'a str, value: &'a Value, errors: &'a Errors) -> Self {
        Section::new(file, String::new(), Some(value), errors)
    }

    fn new(file: &'a str, path: String, value: Option<&'a Value>, errors: &'a Errors) -> Self {
        let mut section = Section {
            file,
            path,
            entries: None,
            asked_for: RefCell::default(),
            errors,
        };
        match value {
            None | Some(Value::Null) => {}
            Some(Value::Mapping(entries)) => section.entries = Some(entries),
            // A text is not shown: a file with nothing but a key in it may have been named by mistake.
            Some(other) => section.error_here(format!(
                "expected a mapping of settings, got {}",
                if other.is_string() {
                    "a text".to_owned()
                } else {
                    describe(other)
                }
            )),
        }
        section
    }

    /// The mapping at `name`; an empty one if there is none.
    pub(super) fn section(&self, name: &'static str) -> Section<'a> {
        Section::new(self.file, self.path_of(name), self.value(name), self.errors)
    }

    /// The mapping at `name` whose own names are not settings but somebody's: each with the mapping behind it.
    pub(super) fn map(&self, name: &'static str) -> Vec<(String, Section<'a>)> {
        let section = self.section(name);
        let mut found = Vec::new();
        for (name, value) in section.entries.into_iter().flatten() {
            match name.as_str() {
                Some(name) => found.push((
                    name.to_owned(),
                    Section::new(self.file, section.path_of(name), Some(value), self.errors),
                )),
                None => section.error_here(format!("expected a name in text, got {}", describe(name))),
            }
        }
        found
    }

    /// The item `index` of the list at `name`, as a mapping.
    pub(super) fn item(&self, name: &str, index: usize, value: &'a Value) -> Section<'a> {
        let path = format!("{}[{index}]", self.path_of(name));
        Section::new(self.file, path, Some(value), self.errors)
    }

    /// The items of the list at `name`.
    pub(super) fn list(&self, name: &'static str) -> &'a [Value] {
        match self.value(name) {
            None => &[],
            Some(Value::Sequence(items)) => items,
            Some(_) => {
                // Not described: what stands in place of a list of keys may be a key.
                self.error(name, "expected a list");
                &[]
            }
        }
    }

    /// The items of the list at `name`, without a word if it is none.
    pub(super) fn list_if_any(&self, name: &'static str) -> &'a [Value] {
        self.value(name).and_then(Value::as_sequence).map_or(&[], Vec::as_slice)
    }

    /// The setting `name` as `parse` understands it; nothing if it is absent, or wrong and thereby reported.
    pub(super) fn get<T>(&self, name: &'static str, parse: impl FnOnce(&'a Value) -> Result<T, String>) -> Option<T> {
        parse(self.value(name)?).map_err(|text| self.error(name, text)).ok()
    }

    /// Puts the setting `name` into `target`, if it is there and right.
    pub(super) fn set<T>(
        &self,
        name: &'static str,
        target: &mut T,
        parse: impl FnOnce(&'a Value) -> Result<T, String>,
    ) {
        if let Some(value) = self.get(name, parse) {
            *target = value;
        }
    }

    /// Reports the setting `name` if this build has not what it needs.
    pub(super) fn needs(&self, name: &str, feature: Feature) {
        if !feature.is_built_in() {
            self.error(name, feature.to_string());
        }
    }

    /// Whether the setting `name` is there.
    pub(super) fn has(&self, name: &'static str) -> bool {
        self.value(name).is_some()
    }

    /// Reports that something is wrong with the setting `name`.
    pub(super) fn error(&self, name: &str, text: impl Into<String>) {
        self.errors.add(format!("{}: {}", self.file, self.path_of(name)), text);
    }

    /// Reports that something is wrong with this mapping.
    pub(super) fn error_here(&self, text: impl Into<String>) {
        let place = if self.path.is_empty() {
            self.file.to_owned()
        } else {
            format!("{}: {}", self.file, self.path)
        };
        self.errors.add(place, text);
    }

    /// Reports every entry that was not asked for.
    pub(super) fn finish(self) {
        let asked_for = self.asked_for.borrow();
        for name in self.entries.into_iter().flat_map(Mapping::keys) {
            let Some(name) = name.as_str() else {
                self.error_here(format!(
                    "expected settings named by text, got {} as a name",
                    describe(name)
                ));
                continue;
            };
            if !asked_for.contains(&name) {
                self.error(name, unknown(name, &asked_for));
            }
        }
        #[cfg(test)]
        self.errors
            .asked_for
            .borrow_mut()
            .extend(asked_for.iter().map(|name| self.path_of(name)));
    }

    fn value(&self, name: &'static str) -> Option<&'a Value> {
        let mut asked_for = self.asked_for.borrow_mut();
        if !asked_for.contains(&name) {
            asked_for.push(name);
        }
        self.entries?.get(name).filter(|value| !value.is_null())
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

/// What stands there, in a few words: `"many"`, `12`, `a list`.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quote(text),
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) => "a mapping".to_owned(),
        Value::Tagged(_) => "a value with a tag".to_owned(),
    }
}

/// `text` in quotes, escaped, and cut where it is long.
pub(super) fn quote(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut quoted = format!("{:?}", text.chars().take(CHARS_MAX).collect::<String>());
    if text.chars().count() > CHARS_MAX {
        quoted.push('…');
    }
    quoted
}

fn unknown(name: &str, known: &[&str]) -> String {
    let mut text = "unknown setting".to_owned();
    let start: String = name.chars().take(64).collect();
    let closest = known
        .iter()
        .map(|known| (levenshtein(&start, known), known))
        .min()
        .filter(|(edits, known)| *edits <= 1 + known.len() / 4);
    match closest {
        Some((_, known)) => drop(write!(text, "; did you mean `{known}`?")),
        None => drop(write!(text, "; known here: {}", known.join(", "))),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_met_with_the_closest_or_with_all() {
        fn check(name: &str, expected: &str) {
            assert_eq!(unknown(name, &["listen", "durability"]), expected);
        }
        check("lisen", "unknown setting; did you mean `listen`?");
        check("durabillity", "unknown setting; did you mean `durability`?");
        check("nodes", "unknown setting; known here: listen, durability");
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(quote("a\n"), r#""a\n""#);
        assert_eq!(quote(&"x".repeat(61)), format!("\"{}\"…", "x".repeat(60)));
    }
}
