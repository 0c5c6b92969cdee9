//! Calls and bytes by the second, as logs have them, compared.

use std::collections::{BTreeMap, BTreeSet};

/// Calls and bytes of each second.
pub(super) type Seconds = BTreeMap<i64, (u64, u64)>;

pub(super) fn total(seconds: &Seconds) -> (u64, u64) {
    let add = |(calls, bytes), (more_calls, more_bytes): &(u64, u64)| (calls + more_calls, bytes + more_bytes);
    seconds.values().fold((0, 0), add)
}

/// By how many calls each second of `seconds` falls short of `whole`. It never has more, and bytes only for its calls.
pub(super) fn short_of(whole: &Seconds, seconds: &Seconds) -> u64 {
    assert!(seconds.keys().all(|second| whole.contains_key(second)));
    let short = whole.iter().map(|(second, (calls, bytes))| {
        let (known_calls, known_bytes) = seconds.get(second).copied().unwrap_or_default();
        assert!(known_calls <= *calls, "second {second}: {known_calls} of {calls} calls");
        if known_calls == *calls {
            assert_eq!(known_bytes, *bytes, "second {second}");
        }
        assert!(known_bytes <= *bytes, "second {second}: {known_bytes} of {bytes} bytes");
        calls - known_calls
    });
    short.sum()
}

/// In how many calls two logs differ. NGINX writes its logs one after the other, so a worker that is killed in between has written
/// the request to some of them and not to the others.
pub(super) fn differ(one: &Seconds, other: &Seconds) -> u64 {
    let seconds: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let calls = |seconds: &Seconds, second| seconds.get(second).copied().unwrap_or_default().0;
    let differences = seconds.into_iter().map(|second| {
        let (one_calls, other_calls) = (calls(one, second), calls(other, second));
        if one_calls == other_calls {
            assert_eq!(one.get(second), other.get(second), "second {second}");
        }
        one_calls.abs_diff(other_calls)
    });
    differences.sum()
}
