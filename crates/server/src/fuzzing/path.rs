//! Fuzz target: a request of the REST API.

use nexus_metric::{Labels, is_legacy_name};

use super::batch::{journals_as_it_is, write_of};
use crate::protocol::{
    reserved,
    rest::parse::{self, Address, Verb},
};

/// A request of the simple API: `name?query`, a line break, the body. A name is legacy, in lower case, and names itself;
/// labels are the same whichever way they are written down.
pub fn path(input: &[u8]) -> bool {
    let (uri, body) = match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &[][..]),
    };
    let Ok(uri) = std::str::from_utf8(uri) else {
        return false;
    };
    let (name, query) = uri.split_once('?').unwrap_or((uri, ""));
    let _ = parse::value(body);
    let (verb, reserved) = ("", reserved());
    let Ok(addressed) = (Address {
        metric: name,
        verb,
        query,
    })
    .read(&reserved, |_| None) else {
        return false;
    };
    let target = &addressed.target;

    let found = target.family.as_str();
    assert!(is_legacy_name(found));
    assert!(!found.bytes().any(|byte| byte.is_ascii_uppercase()));
    assert_eq!(reserved.purpose(found), None);
    assert_eq!(
        parse::name(found, &reserved, |_| None).as_ref(),
        Ok(&target.family.name())
    );

    let labels = &target.labels.labels();
    assert_eq!(Labels::from_text(labels.as_text()).as_ref(), Ok(labels));
    assert_eq!(Labels::from_pairs(labels.iter()).as_ref(), Ok(labels));
    let query_again = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(labels.iter())
        .finish();
    let again = Address {
        metric: found,
        verb,
        query: &query_again,
    };
    let again = again.read(&reserved, |_| None).expect("labels can be asked for");
    assert_eq!(again.target.labels, target.labels);

    for verb in [
        Verb::Create,
        Verb::Set,
        Verb::Increment,
        Verb::Decrement,
        Verb::Add,
        Verb::Subtract,
        Verb::Observe,
        Verb::Delete,
    ] {
        if let Ok(change) = addressed.clone().change(verb, body) {
            journals_as_it_is(&write_of(vec![change]));
        }
    }
    true
}
