//! Names in whatever spelling become those of the families that they mean.

use std::collections::HashMap;

use nexus_metric::{Name, plain_spelling};

use crate::{store::view::View, write::Change};

/// Gives each change the name of the family that it means. What means none yet keeps its name, and further spellings of that
/// mean the same. A family that is made between this and the write is seen by the writer, which refuses a second one.
pub(super) fn resolve(view: &View, changes: &mut [Change<'static>]) {
    let mut names = changes.iter().filter_map(Change::family);
    let mut before = None;
    let is_as_it_is = names.all(|name| {
        let is_same = before == Some(name);
        before = Some(name);
        is_same || !view.may_mean_another(name.as_str())
    });
    if is_as_it_is {
        return;
    }
    let mut new: HashMap<String, Name> = HashMap::new();
    for name in changes.iter_mut().filter_map(Change::family_mut) {
        let meant = view.meant(name.as_str()).unwrap_or_else(|| {
            let plain = plain_spelling(name.as_str()).into_owned();
            new.entry(plain).or_insert_with(|| name.name()).clone()
        });
        if meant.as_str() != name.as_str() {
            *name = meant.into();
        }
    }
}
