//! What a filter shows, a block after the other.

use std::{sync::Arc, vec};

use super::{Block, FamilyData, Filter, Shown};
use crate::state::is_hubs;

/// The blocks that a filter shows, family by family.
#[derive(Debug)]
pub(crate) struct Blocks {
    filter: Filter,
    families: vec::IntoIter<Arc<FamilyData>>,
    current: Option<Current>,
}

/// A block of a family, and which of its series are shown.
#[derive(Debug)]
pub(crate) struct ShownBlock {
    pub(crate) family: Arc<FamilyData>,
    pub(crate) block: Block,
    pub(crate) shown: Shown,
    /// Whether it is the family's first. It showed a series when it was found; those behind it may show none.
    pub(crate) is_first: bool,
}

/// The family whose blocks are given out.
#[derive(Debug)]
struct Current {
    family: Arc<FamilyData>,
    shown: Shown,
    next: usize,
    is_first: bool,
}

impl Blocks {
    pub(super) fn new(families: Vec<Arc<FamilyData>>, filter: Filter) -> Self {
        Blocks {
            filter,
            families: families.into_iter(),
            current: None,
        }
    }
}

impl Iterator for Blocks {
    type Item = ShownBlock;

    fn next(&mut self) -> Option<ShownBlock> {
        loop {
            if let Some(block) = self.current.as_mut().and_then(Current::next) {
                return Some(block);
            }
            // A release that looked at other spellings may have kept some of those: they can be listed and deleted.
            let family = self.families.find(|family| !is_hubs(&family.family))?;
            let shown = self.filter.shown(&family.family);
            self.current = (!matches!(shown, Shown::Nothing)).then_some(Current {
                family,
                shown,
                next: 0,
                is_first: true,
            });
        }
    }
}

impl Current {
    fn next(&mut self) -> Option<ShownBlock> {
        loop {
            let block = self.family.block(self.next)?;
            self.next += 1;
            if !self.is_first || block.any(|labels| self.shown.shows(labels)) {
                return Some(ShownBlock {
                    family: self.family.clone(),
                    block,
                    shown: self.shown.clone(),
                    is_first: std::mem::take(&mut self.is_first),
                });
            }
        }
    }
}
