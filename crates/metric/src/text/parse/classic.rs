//! The text format 0.0.4.

use std::collections::HashMap;

use super::{ParseError, Reason, cursor::Cursor, draft::Draft, numbered_lines, sample::Sample};
use crate::{
    Kind, Name,
    text::{Document, Format, Suffix},
};

const FORMAT: Format = Format::Prometheus;

pub(super) fn parse(text: &str) -> Result<Document, ParseError> {
    let mut families = Families::default();
    for (number, line) in numbered_lines(text) {
        let mut line = Cursor::new(FORMAT, line);
        line.blanks();
        let read = match line.rest.chars().next() {
            None => continue,
            Some('#') => families.comment(number, line),
            Some(_) => families.sample(number, line),
        };
        read.map_err(|reason| reason.at(number))?;
    }
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(Reason::UnexpectedEnd("a line end").at(numbered_lines(text).count()));
    }
    families.finish()
}

/// The families so far; lines of one may stand anywhere.
#[derive(Default)]
struct Families {
    drafts: Vec<Draft>,
    by_name: HashMap<Name, usize>,
}

impl Families {
    fn comment(&mut self, number: usize, mut line: Cursor<'_>) -> Result<(), Reason> {
        line.eat('#');
        line.blanks();
        let keyword = line.token();
        line.blanks();
        // A keyword alone says nothing and is a comment like any other.
        if !matches!(keyword, "HELP" | "TYPE") || line.rest.is_empty() {
            return Ok(());
        }
        let name = line.name()?;
        if line.rest.is_empty() {
            return Ok(());
        }
        line.gap()?;
        let draft = self.draft(number, &name)?;
        if keyword == "HELP" {
            return draft.set_help(line.help(), FORMAT);
        }
        draft.set_kind(kind(line.rest.trim_end_matches([' ', '\t']))?)
    }

    fn sample(&mut self, number: usize, line: Cursor<'_>) -> Result<(), Reason> {
        let sample = Sample::read(line)?;
        if let Some((at, suffix)) = self.part_of(&sample.name) {
            return self
                .drafts
                .get_mut(at)
                .map_or(Ok(()), |draft| draft.add(number, suffix, sample, FORMAT));
        }
        self.draft(number, &sample.name.clone())?
            .add(number, Suffix::Value, sample, FORMAT)
    }

    /// The known family that a sample's name belongs to: that of exactly this name before one that has it as a part.
    fn part_of(&self, sample: &str) -> Option<(usize, Suffix)> {
        if let Some(at) = self.by_name.get(sample) {
            return Some((*at, Suffix::Value));
        }
        let suffixes = [
            ("_bucket", Suffix::Bucket),
            ("_sum", Suffix::Sum),
            ("_count", Suffix::Count),
        ];
        let (base, suffix) = suffixes
            .iter()
            .find_map(|(text, suffix)| Some((sample.strip_suffix(text)?, *suffix)))?;
        let at = *self.by_name.get(base)?;
        let fits = match self.drafts.get(at)?.kind() {
            Kind::Histogram => true,
            Kind::Summary => suffix != Suffix::Bucket,
            _ => false,
        };
        fits.then_some((at, suffix))
    }

    /// The family of exactly this name; a new one if there is none.
    fn draft(&mut self, number: usize, name: &str) -> Result<&mut Draft, Reason> {
        let at = match self.by_name.get(name) {
            Some(at) => *at,
            None => {
                let draft = Draft::new(name, number)?;
                self.by_name.insert(draft.name.clone(), self.drafts.len());
                self.drafts.push(draft);
                self.drafts.len() - 1
            }
        };
        self.drafts.get_mut(at).ok_or_else(|| Reason::Clash(name.to_owned()))
    }

    fn finish(self) -> Result<Document, ParseError> {
        let mut families = Vec::with_capacity(self.drafts.len());
        for draft in self.drafts {
            let (name, line) = (draft.name.clone(), draft.line);
            for suffix in parts(draft.kind()) {
                // Whose a sample of that name is could depend on the order of the lines.
                let part = format!("{name}{suffix}");
                if self.by_name.contains_key(part.as_str()) {
                    return Err(Reason::Clash(part).at(line));
                }
            }
            families.push(draft.finish(name.as_str(), FORMAT)?);
        }
        Ok(Document { families })
    }
}

/// What the names of a kind's samples have after the family's.
fn parts(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Histogram => &["_bucket", "_sum", "_count"],
        Kind::Summary => &["_sum", "_count"],
        _ => &[],
    }
}

/// The types that 0.0.4 knows, in any case.
fn kind(text: &str) -> Result<Kind, Reason> {
    let known = [
        Kind::Counter,
        Kind::Gauge,
        Kind::Histogram,
        Kind::Summary,
        Kind::Untyped,
    ];
    let found = known.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| Reason::syntax("counter, gauge, histogram, summary or untyped", text))
}
