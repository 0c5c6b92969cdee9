use std::sync::Arc;

use nexus_metric::text::{self, Escaping, Format, Header, Lines};

use super::{
    filter::{Filter, Shown},
    gzip_cache::RenderKey,
    render::{self, Created},
};
use crate::{
    own_metrics::OwnFamily,
    state::{Catalog, Cells, FamilyData, Slab},
};

/// A chunk is given out when it has this many bytes.
pub(crate) const CHUNK_BYTES: usize = 1 << 18;
/// A compressed part has at least so many lines: each begins without what the ones before it could tell the algorithm.
const BLOCK_LINES_MIN: usize = 448;

/// A scrape on its way: the families as they were at its start, series and values as they are when their turn comes.
#[derive(Debug)]
pub(crate) struct Scrape {
    format: Format,
    escaping: Escaping,
    created: Created,
    filter: Filter,
    families: std::vec::IntoIter<Exposed>,
    /// The family that is being written, the next of its slabs, and whether its header is out.
    current: Option<(Exposed, usize, bool)>,
    finished: bool,
}

#[derive(Debug)]
enum Exposed {
    Stored(Arc<FamilyData>),
    Own(OwnFamily),
}

impl Exposed {
    fn name(&self) -> &str {
        match self {
            Exposed::Stored(family) => family.family.name.as_str(),
            Exposed::Own(family) => &family.name,
        }
    }
}

impl Scrape {
    /// Begins a scrape. Own metrics stand among the families by name; no stored family can have their names.
    pub(crate) fn begin(
        catalog: &Catalog,
        own: Vec<OwnFamily>,
        filter: Filter,
        format: Format,
        escaping: Escaping,
    ) -> Self {
        let stored = catalog.families().into_iter().map(Exposed::Stored);
        let mut families: Vec<Exposed> = stored.chain(own.into_iter().map(Exposed::Own)).collect();
        families.sort_by(|a, b| a.name().cmp(b.name()));
        Scrape {
            format,
            escaping,
            created: Created::Hidden,
            filter,
            families: families.into_iter(),
            current: None,
            finished: false,
        }
    }

    /// Shows when each series came into being, in the formats that can.
    pub(crate) fn show_created(mut self) -> Self {
        self.created = Created::Shown;
        self
    }

    /// Appends the next chunk; `false` if there is none.
    pub(crate) fn next_chunk(&mut self, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        while !self.finished && out.len() - start < CHUNK_BYTES {
            self.step(out);
        }
        out.len() > start
    }

    /// Whether all is written.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The slab that is written next, if it is shown whole and long enough for a compressed part of its own.
    pub(super) fn block(&self) -> Option<(Arc<Slab>, RenderKey)> {
        let (Exposed::Stored(family), slab, true) = self.current.as_ref()? else {
            return None;
        };
        let slab = family.slab(*slab)?;
        let lines = match &slab.cells {
            Cells::Numbers(cells) => cells.len(),
            // The buckets with `+Inf`, sum and count.
            Cells::Histograms(cells) => cells.len() * (family.family.buckets.bounds().len() + 3),
        };
        let whole = matches!(self.filter.shown(family), Shown::Everything);
        let key = RenderKey {
            format: self.format,
            escaping: self.escaping,
            created: self.created,
        };
        (whole && lines >= BLOCK_LINES_MIN).then_some((slab, key))
    }

    /// Leaves out what [`Scrape::block`] gave.
    pub(super) fn skip_block(&mut self) {
        if let Some((_, slab, _)) = &mut self.current {
            *slab += 1;
        }
    }

    /// Writes the next slab, or whole family of the hub's own.
    pub(super) fn step(&mut self, out: &mut Vec<u8>) {
        let current = self
            .current
            .take()
            .or_else(|| self.families.next().map(|family| (family, 0, false)));
        match current {
            None => {
                text::finish(out, self.format);
                self.finished = true;
            }
            Some((Exposed::Own(family), ..)) => {
                let lines = Lines::new(family.header(), self.format, self.escaping);
                render::own(
                    out,
                    &lines,
                    &family,
                    &self.filter.shown_names(&family.name, family.kind),
                );
            }
            Some((Exposed::Stored(family), slab, header_out)) => self.stored(out, family, slab, header_out),
        }
    }

    /// Writes one slab of a family; the header comes before the first line, if there ever is one.
    fn stored(&mut self, out: &mut Vec<u8>, family: Arc<FamilyData>, slab: usize, header_out: bool) {
        let shown = self.filter.shown(&family);
        if matches!(shown, Shown::Nothing) {
            return;
        }
        let lines = Lines::new(Header::from(&family.family), self.format, self.escaping);
        let before = out.len();
        if !header_out {
            lines.header(out);
        }
        match render::slab(out, &lines, &family, slab, &shown, self.created) {
            None => out.truncate(if header_out { out.len() } else { before }),
            Some(wrote) => {
                if !wrote && !header_out {
                    out.truncate(before);
                }
                self.current = Some((Exposed::Stored(family), slab + 1, header_out || wrote));
            }
        }
    }
}
