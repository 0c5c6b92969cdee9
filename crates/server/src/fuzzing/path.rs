use nexus_metric::{Labels, is_legacy_name};

use super::batch::{journals_as_it_is, write_of};
use crate::ingest::rest::{self, RESERVED, Verb};

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
    let _ = rest::value(body);
    let Ok(target) = rest::target(name, query) else {
        return false;
    };

    let found = target.family.as_str();
    assert!(is_legacy_name(found));
    assert!(!found.bytes().any(|byte| byte.is_ascii_uppercase()));
    assert!(!RESERVED.contains(&found));
    assert_eq!(rest::name(found).as_ref(), Ok(&target.family.name()));

    let labels = &target.labels.labels();
    assert_eq!(Labels::from_text(labels.as_text()).as_ref(), Ok(labels));
    assert_eq!(Labels::from_pairs(labels.iter()).as_ref(), Ok(labels));
    let query_again = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(labels.iter())
        .finish();
    let again = rest::target(found, &query_again).expect("labels can be asked for");
    assert_eq!(again.labels, target.labels);

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
        if let Ok(change) = rest::change(verb, target.clone(), query, body) {
            journals_as_it_is(&write_of(vec![change]));
        }
    }
    true
}
