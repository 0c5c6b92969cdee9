//! Texts as PostgreSQL takes them.

use std::borrow::Cow;

/// A text as PostgreSQL takes it: without U+0000, for which U+FFFD stands.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}
