//! Names and labels as changes carry them: their own, or borrowed from a journal record.

use std::{borrow::Cow, fmt, ptr};

use nexus_metric::{Labels, Name};

/// A family's name; never empty.
#[derive(Clone)]
pub(crate) enum FamilyName<'a> {
    /// Shared with whoever else says it.
    Shared(Name),
    /// As it stands in the journal.
    Borrowed(&'a str),
}

/// A series' labels, in their one form.
#[derive(Clone)]
pub(crate) enum LabelText<'a> {
    /// As they were sent.
    Owned(Labels),
    /// As they stand in the journal.
    Borrowed(&'a str),
}

impl FamilyName<'_> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            FamilyName::Shared(name) => name.as_str(),
            FamilyName::Borrowed(text) => text,
        }
    }

    /// The name by itself.
    pub(crate) fn name(&self) -> Name {
        match self {
            FamilyName::Shared(name) => name.clone(),
            FamilyName::Borrowed(text) => named(text),
        }
    }
}

/// A name from a text that was looked at before: it is not empty.
pub(crate) fn named(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|_| named("_"))
}

impl LabelText<'_> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            LabelText::Owned(labels) => labels.as_text(),
            LabelText::Borrowed(text) => text,
        }
    }

    /// The pairs, by name, unescaped.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        Labels::pairs_of(self.as_str())
    }

    /// The labels by themselves.
    pub(crate) fn labels(&self) -> Labels {
        match self {
            LabelText::Owned(labels) => labels.clone(),
            LabelText::Borrowed(text) => Labels::from_text(text).unwrap_or_default(),
        }
    }
}

impl From<Name> for FamilyName<'_> {
    fn from(name: Name) -> Self {
        FamilyName::Shared(name)
    }
}

impl From<Labels> for LabelText<'_> {
    fn from(labels: Labels) -> Self {
        LabelText::Owned(labels)
    }
}

impl PartialEq for FamilyName<'_> {
    /// Neighbours mostly share one text, which need not be compared.
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.as_str(), other.as_str());
        ptr::eq(one, other) || one == other
    }
}

impl PartialEq for LabelText<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Display for FamilyName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for FamilyName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// As in an exposed sample, braces included; nothing if there are no labels.
impl fmt::Display for LabelText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            "" => Ok(()),
            text => write!(f, "{{{text}}}"),
        }
    }
}

impl fmt::Debug for LabelText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.as_str())
    }
}
