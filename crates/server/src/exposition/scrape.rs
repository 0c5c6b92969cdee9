//! A scrape: part after part, each of which is rendered by itself.

use std::{iter::Peekable, vec};

use nexus_metric::text::{self, Escaping, Format, Header, Lines};

use super::render::{self, Created};
use crate::{
    own_metrics::OwnFamily,
    store::view::{Block, Blocks, Filter, Shown, ShownBlock, View},
};

/// A chunk is given out when it has this many bytes.
pub(crate) const CHUNK_BYTES: usize = 1 << 18;
/// A compressed chunk has at least so many lines: each begins without what the ones before it could tell the algorithm.
const CACHED_LINES_MIN: usize = 448;

/// A scrape on its way: the families as they were at its start, series and values as they are when their part is rendered.
#[derive(Debug)]
pub(crate) struct Scrape {
    style: Style,
    filter: Filter,
    blocks: Peekable<Blocks>,
    own: Peekable<vec::IntoIter<OwnFamily>>,
    ended: bool,
}

/// How samples are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Style {
    pub(super) format: Format,
    pub(super) escaping: Escaping,
    pub(super) created: Created,
}

/// What of a scrape is rendered at once.
#[derive(Debug)]
pub(crate) struct Part {
    style: Style,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// The header comes before the family's first block.
    Stored(ShownBlock),
    Own(OwnFamily, Shown),
    /// What ends the whole.
    End,
}

impl Scrape {
    /// Begins a scrape. Own metrics stand among the families by name; no stored family can have their names.
    pub(crate) fn begin(
        view: &View,
        mut own: Vec<OwnFamily>,
        filter: Filter,
        format: Format,
        escaping: Escaping,
    ) -> Self {
        own.sort_by(|a, b| a.name.cmp(&b.name));
        Scrape {
            style: Style {
                format,
                escaping,
                created: Created::Hidden,
            },
            blocks: view.blocks(filter.clone()).peekable(),
            filter,
            own: own.into_iter().peekable(),
            ended: false,
        }
    }

    /// Shows when each series came into being, in the formats that can.
    pub(crate) fn show_created(mut self) -> Self {
        self.style.created = Created::Shown;
        self
    }

    /// Appends the next chunk; `false` if there is none.
    pub(crate) fn next_chunk(&mut self, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        while out.len() - start < CHUNK_BYTES
            && let Some(part) = self.next()
        {
            part.render(out);
        }
        out.len() > start
    }
}

impl Iterator for Scrape {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        let stored = self.blocks.peek().map(|block| block.family.family.name.as_str());
        let own = self
            .own
            .next_if(|own| stored.is_none_or(|stored| own.name.as_str() < stored));
        let content = if let Some(own) = own {
            let shown = self.filter.shown_names(&own.name, own.kind);
            Content::Own(own, shown)
        } else if let Some(block) = self.blocks.next() {
            Content::Stored(block)
        } else if std::mem::replace(&mut self.ended, true) {
            return None;
        } else {
            Content::End
        };
        Some(Part {
            style: self.style,
            content,
        })
    }
}

impl Part {
    /// The block, if all of it and nothing else is shown, and it is long enough for a compressed chunk of its own; and how.
    pub(super) fn whole_block(&self) -> Option<(&Block, Style)> {
        let Content::Stored(ShownBlock {
            family,
            block,
            shown: Shown::Everything,
            is_first: false,
        }) = &self.content
        else {
            return None;
        };
        let lines = match family.family.buckets.bounds().len() {
            0 => block.capacity(),
            // The buckets with `+Inf`, sum and count.
            bounds => block.capacity() * (bounds + 3),
        };
        (lines >= CACHED_LINES_MIN).then_some((block, self.style))
    }

    /// Appends the text.
    pub(super) fn render(&self, out: &mut Vec<u8>) {
        let Style {
            format,
            escaping,
            created,
        } = self.style;
        match &self.content {
            Content::Stored(stored) => {
                let lines = Lines::new(Header::from(&stored.family.family), format, escaping);
                if stored.is_first {
                    lines.header(out);
                }
                render::block(out, &lines, stored, created);
            }
            Content::Own(family, shown) => {
                let lines = Lines::new(family.header(), format, escaping);
                render::own(out, &lines, family, shown);
            }
            Content::End => text::finish(out, format),
        }
    }
}
