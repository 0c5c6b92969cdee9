//! Names that are spelled nearly like a field's.

use strsim::osa_distance;

use super::{ALIASES, FIELDS, Said, is_text};

/// The words of a name, in small letters: `bytesOut` and `Bytes-Out` are `bytes` and `out`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        let begins = c.is_uppercase() && was_small;
        was_small = c.is_lowercase() || c.is_ascii_digit();
        if begins || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The field that is spelled like this, or nearly. What is nearly another name of a field counts only for amounts and times.
pub(super) fn near(name: &str, said: Said) -> Option<&'static str> {
    let plain = |field: &str| field.replace('_', "");
    let own = FIELDS.into_iter().map(|field| (field, field));
    let exact = own.clone().chain(ALIASES).find(|(known, field)| {
        let counts = known == field || !is_text(field) || !said.has(field);
        counts && plain(known) == name
    });
    let others = ALIASES.into_iter().filter(|(_, field)| !is_text(field));
    let nearly = || own.chain(others).find(|(known, _)| is_nearly(&plain(known), name));
    exact.or_else(nearly).map(|(_, field)| field)
}

/// One letter too many or too few, or two in the wrong order; in longer names one or two wrong letters. Short words are near
/// to too many others for that: `type` is not `time`.
fn is_nearly(known: &str, name: &str) -> bool {
    let distance = || osa_distance(known, name);
    match known.len() {
        ..=2 => false,
        3 => name.len() >= 3 && distance() == 1 && !is_substituted(known, name),
        4..=5 => distance() == 1 && !is_substituted(known, name),
        6..=7 => distance() == 1,
        _ => distance() <= 2,
    }
}

fn is_substituted(known: &str, name: &str) -> bool {
    let letters = |text: &str| {
        let mut letters: Vec<_> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    known.chars().count() == name.chars().count() && letters(known) != letters(name)
}
