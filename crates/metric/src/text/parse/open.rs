//! OpenMetrics 1.0.0.

use std::{borrow::Cow, collections::HashSet};

use super::{ParseError, Reason, cursor::Cursor, draft::Draft, numbered_lines, sample::Sample};
use crate::{
    Kind,
    text::{
        Document, Format, MetricFamily, Suffix,
        lines::{ends_in_unit, own_suffix},
    },
};

const FORMAT: Format = Format::OpenMetrics;

pub(super) fn parse(text: &str) -> Result<Document, ParseError> {
    let mut families = Families::default();
    let mut lines = numbered_lines(text);
    let mut last = 1;
    while let Some((number, line)) = lines.next() {
        last = number;
        let read = match line.strip_prefix("# ") {
            Some("EOF") if lines.next().is_some() => return Err(Reason::AfterEof.at(number + 1)),
            Some("EOF") => return families.finish(),
            Some(header) => families.header(number, Cursor::new(FORMAT, header)),
            None => families.sample(number, Cursor::new(FORMAT, line)),
        };
        read?;
    }
    Err(Reason::UnexpectedEnd("# EOF").at(last))
}

/// The families so far; only the last may still grow.
#[derive(Default)]
struct Families {
    done: Vec<MetricFamily>,
    current: Option<Draft>,
    /// Every name that a family before the current one has, or that one of its samples might have.
    taken: HashSet<String>,
}

impl Families {
    fn header(&mut self, number: usize, mut line: Cursor<'_>) -> Result<(), ParseError> {
        let at = |reason: Reason| reason.at(number);
        let keyword = line.token();
        if !matches!(keyword, "HELP" | "TYPE" | "UNIT") {
            return Err(at(Reason::syntax("HELP, TYPE, UNIT or EOF", keyword)));
        }
        line.gap().map_err(at)?;
        let name = line.name().map_err(at)?;
        if !line.rest.is_empty() {
            line.gap().map_err(at)?;
        }
        let draft = self.draft(number, &name)?;
        match keyword {
            "HELP" => draft.set_help(line.help(), FORMAT),
            "TYPE" => kind(line.rest).and_then(|kind| draft.set_kind(kind)),
            _ if line.rest.is_empty() || ends_in_unit(&name, line.rest) => draft.set_unit(line.rest),
            _ => Err(Reason::invalid(&name, "the name does not end in the unit")),
        }
        .map_err(at)
    }

    fn sample(&mut self, number: usize, line: Cursor<'_>) -> Result<(), ParseError> {
        let at = |reason: Reason| reason.at(number);
        let sample = Sample::read(line).map_err(at)?;
        if let Some(draft) = &mut self.current
            && let Some(rest) = sample.name.strip_prefix(draft.name.as_str())
        {
            if let Some(suffix) = suffix_of(draft.kind(), rest) {
                return draft.add(number, suffix, sample, FORMAT).map_err(at);
            }
            if rest.is_empty() {
                return Err(at(Reason::NotOfKind {
                    sample: sample.name.into_owned(),
                    kind: draft.kind(),
                }));
            }
        }
        let name = sample.name.clone();
        self.draft(number, &name)?
            .add(number, Suffix::Value, sample, FORMAT)
            .map_err(at)
    }

    /// The current family if it has this name, else a new one, which ends the current.
    fn draft(&mut self, number: usize, name: &str) -> Result<&mut Draft, ParseError> {
        let same = self.current.as_ref().is_some_and(|draft| draft.name.as_str() == name);
        if !same {
            self.close()?;
        }
        match &mut self.current {
            Some(draft) => Ok(draft),
            none => Ok(none.insert(Draft::new(name, number).map_err(|reason| reason.at(number))?)),
        }
    }

    /// Finishes the current family; only now is it known which names it takes.
    fn close(&mut self) -> Result<(), ParseError> {
        let Some(draft) = self.current.take() else {
            return Ok(());
        };
        let (kind, line) = (draft.kind(), draft.line);
        let announced = draft.name.clone();
        let bare = suffixes(kind).iter().all(|(text, _)| !text.is_empty()).then_some("");
        for suffix in suffixes(kind).iter().map(|(text, _)| *text).chain(bare) {
            let name = format!("{announced}{suffix}");
            if let Some(name) = self.taken.replace(name) {
                return Err(Reason::Clash(name).at(line));
            }
        }
        if matches!(kind, Kind::Info | Kind::StateSet) && !draft.unit().is_empty() {
            return Err(Reason::invalid(&announced, "infos and state sets have no unit").at(line));
        }
        let name = match own_suffix(kind) {
            Some(suffix) => Cow::Owned(format!("{announced}{suffix}")),
            None => Cow::Borrowed(announced.as_str()),
        };
        self.done.push(draft.finish(&name, FORMAT)?);
        Ok(())
    }

    fn finish(mut self) -> Result<Document, ParseError> {
        self.close()?;
        Ok(Document { families: self.done })
    }
}

/// What the samples of a kind have after the family's announced name.
fn suffixes(kind: Kind) -> &'static [(&'static str, Suffix)] {
    match kind {
        Kind::Gauge | Kind::Untyped | Kind::StateSet => &[("", Suffix::Value)],
        Kind::Counter => &[("_total", Suffix::Value), ("_created", Suffix::Created)],
        Kind::Info => &[("_info", Suffix::Value)],
        Kind::Summary => &[
            ("", Suffix::Value),
            ("_sum", Suffix::Sum),
            ("_count", Suffix::Count),
            ("_created", Suffix::Created),
        ],
        Kind::Histogram => &[
            ("_bucket", Suffix::Bucket),
            ("_sum", Suffix::Sum),
            ("_count", Suffix::Count),
            ("_created", Suffix::Created),
        ],
        Kind::GaugeHistogram => &[
            ("_bucket", Suffix::Bucket),
            ("_gsum", Suffix::Sum),
            ("_gcount", Suffix::Count),
        ],
    }
}

fn suffix_of(kind: Kind, text: &str) -> Option<Suffix> {
    suffixes(kind)
        .iter()
        .find(|(suffix, _)| *suffix == text)
        .map(|(_, suffix)| *suffix)
}

/// The types that OpenMetrics knows: `unknown`, not `untyped`.
fn kind(text: &str) -> Result<Kind, Reason> {
    let known = text.parse().ok().filter(|_| text != Kind::Untyped.as_str());
    known.ok_or_else(|| Reason::syntax("the name of a type", text))
}
