#[derive(Debug, Clone)]
pub(crate) struct Bandwidth;
impl Bandwidth {
    pub(crate) fn new(_: &crate::config::Throttle) -> Self {
        Bandwidth
    }
    pub(crate) fn set(&self, _: &crate::config::Throttle) {}
}
