use crate::config::KeyLimits;
use std::collections::BTreeMap;
#[derive(Debug, Clone)]
pub(crate) struct Accounts;
impl Accounts {
    pub(crate) fn set_limits(&self, _: &BTreeMap<String, KeyLimits>) {}
    pub(crate) fn set_limits_of(&self, _: &str, _: KeyLimits) {}
}
