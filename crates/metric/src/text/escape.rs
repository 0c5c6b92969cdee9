//! Names in the escapings that a scraper may ask for.

use std::{borrow::Cow, collections::HashSet, fmt::Write as _};

use memchr::memchr3_iter;

use super::Escaping;
use crate::{is_legacy_label_name, is_legacy_name, labels};

/// A metric name as an escaping spells it, as Prometheus' `model.EscapeName` does.
///
/// [`Escaping::Dots`] doubles the underscores of legacy names too. The writers of this module leave legacy names alone
/// under every escaping, as Prometheus' own exposition does; they call this for the others only.
#[must_use]
pub fn escape_name(name: &str, escaping: Escaping) -> Cow<'_, str> {
    escape(name, escaping, is_legacy_name(name), |c| {
        c.is_ascii_alphanumeric() || c == '_' || c == ':'
    })
}

/// A label name as an escaping spells it: [`escape_name`], but a colon is not legal either.
#[must_use]
pub fn escape_label_name(name: &str, escaping: Escaping) -> Cow<'_, str> {
    escape(name, escaping, is_legacy_label_name(name), |c| {
        c.is_ascii_alphanumeric() || c == '_'
    })
}

fn escape(name: &str, escaping: Escaping, legacy: bool, legal: impl Fn(char) -> bool) -> Cow<'_, str> {
    if name.is_empty() || escaping == Escaping::AllowUtf8 || (legacy && escaping != Escaping::Dots) {
        return Cow::Borrowed(name);
    }
    let mut escaped = String::with_capacity(name.len() + 16);
    if escaping == Escaping::Values {
        escaped.push_str("U__");
    }
    for (at, c) in name.char_indices() {
        let kept = legal(c) && !(at == 0 && c.is_ascii_digit());
        match escaping {
            Escaping::Dots if c == '.' => escaped.push_str("_dot_"),
            Escaping::Dots if c == '_' || !kept => escaped.push_str("__"),
            Escaping::Values if c == '_' => escaped.push_str("__"),
            _ if kept => escaped.push(c),
            Escaping::Values => {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "_{:x}_", u32::from(c));
            }
            _ => escaped.push('_'),
        }
    }
    Cow::Owned(escaped)
}

/// Appends `text` with `\`, `"` and line ends escaped: what stands between quotes, and OpenMetrics' help.
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    push_replacing(out, text, |_| true);
}

/// Appends `text` with `\` and line ends escaped: the help text of 0.0.4.
pub(crate) fn push_escaped_but_quotes(out: &mut Vec<u8>, text: &str) {
    push_replacing(out, text, |byte| byte != b'"');
}

/// Appends a canonical label text, its names escaped.
///
/// Two names that one escaping makes equal would spoil a whole scrape, so then those names are spelled by
/// [`Escaping::Values`].
pub(crate) fn push_labels(out: &mut Vec<u8>, labels: &str, escaping: Escaping) {
    if escaping == Escaping::AllowUtf8 || !has_quoted_name(labels.as_bytes()) {
        return out.extend_from_slice(labels.as_bytes());
    }
    let mut seen = HashSet::new();
    let distinct = labels::pairs(labels).all(|(name, _)| seen.insert(exposed_label_name(&name, escaping).into_owned()));
    let escaping = if distinct { escaping } else { Escaping::Values };
    for (at, (name, value)) in labels::pairs(labels).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(exposed_label_name(&name, escaping).as_bytes());
        out.extend_from_slice(b"=\"");
        push_escaped(out, &value);
        out.push(b'"');
    }
}

/// A quoted name stands first or after a comma. A value may end in a comma, too; then the work is in vain, not wrong.
///
/// Looks at all pairs of bytes without stopping at the first that fits, as there seldom is one: so the compiler compares
/// many at a time, which for a text of this length takes a fraction of what a search begins with.
fn has_quoted_name(labels: &[u8]) -> bool {
    let pairs = labels.iter().zip(labels.iter().skip(1));
    let inside = pairs.fold(false, |found, (a, b)| found | ((*a == b',') & (*b == b'"')));
    inside | labels.starts_with(b"\"")
}

/// A legacy name as it is, any other as the escaping spells it.
fn exposed_label_name(name: &str, escaping: Escaping) -> Cow<'_, str> {
    if is_legacy_label_name(name) {
        Cow::Borrowed(name)
    } else {
        escape_label_name(name, escaping)
    }
}

fn push_replacing(out: &mut Vec<u8>, text: &str, replaced: impl Fn(u8) -> bool) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for at in memchr3_iter(b'\\', b'\n', b'"', bytes) {
        let Some((plain, byte)) = bytes.get(done..at).zip(bytes.get(at).copied()) else {
            continue;
        };
        if replaced(byte) {
            out.extend_from_slice(plain);
            out.extend_from_slice(&[b'\\', if byte == b'\n' { b'n' } else { byte }]);
            done = at + 1;
        }
    }
    out.extend_from_slice(bytes.get(done..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, underscores: &str, dots: &str, values: &str) {
        assert_eq!(escape_name(name, Escaping::AllowUtf8), name);
        assert_eq!(escape_name(name, Escaping::Underscores), underscores);
        assert_eq!(escape_name(name, Escaping::Dots), dots);
        assert_eq!(escape_name(name, Escaping::Values), values);
    }

    #[test]
    fn names_escape_as_prometheus_escapes_them() {
        check("", "", "", "");
        check(
            "no:escaping_required",
            "no:escaping_required",
            "no:escaping__required",
            "no:escaping_required",
        );
        check(
            "mysystem.prod.west.cpu.load",
            "mysystem_prod_west_cpu_load",
            "mysystem_dot_prod_dot_west_dot_cpu_dot_load",
            "U__mysystem_2e_prod_2e_west_2e_cpu_2e_load",
        );
        check(
            "http.status:sum",
            "http_status:sum",
            "http_dot_status:sum",
            "U__http_2e_status:sum",
        );
        check(
            "label with 😱",
            "label_with__",
            "label__with____",
            "U__label_20_with_20__1f631_",
        );
        check("花火", "__", "____", "U___82b1__706b_");
        check("1a", "_a", "__a", "U___31_a");
        check("a_b.c", "a_b_c", "a__b_dot_c", "U__a__b_2e_c");
    }

    #[test]
    fn a_colon_is_not_legal_in_a_label_name() {
        assert_eq!(escape_label_name("a:b", Escaping::Underscores), "a_b");
        assert_eq!(escape_label_name("a:b", Escaping::Dots), "a__b");
        assert_eq!(escape_label_name("a:b", Escaping::Values), "U__a_3a_b");
        assert_eq!(escape_label_name("ab", Escaping::Values), "ab");
    }

    #[test]
    fn label_names_are_escaped_and_stay_distinct() {
        let check = |labels: &str, escaping: Escaping, expected: &str| {
            let mut out = Vec::new();
            push_labels(&mut out, labels, escaping);
            assert_eq!(str::from_utf8(&out), Ok(expected));
        };
        let quoted = r#""a.b"="x",c_d="\"y\",\n""#;
        check(quoted, Escaping::AllowUtf8, quoted);
        check(quoted, Escaping::Underscores, r#"a_b="x",c_d="\"y\",\n""#);
        check(quoted, Escaping::Dots, r#"a_dot_b="x",c_d="\"y\",\n""#);
        check(quoted, Escaping::Values, r#"U__a_2e_b="x",c_d="\"y\",\n""#);
        check(r#"a="x,",b="y""#, Escaping::Underscores, r#"a="x,",b="y""#);
        check(
            r#""a.b"="x",a_b="y""#,
            Escaping::Underscores,
            r#"U__a_2e_b="x",a_b="y""#,
        );
        check("", Escaping::Underscores, "");
    }

    #[test]
    fn text_is_escaped_where_it_must_be() {
        let check = |text: &str, quoted: &str, help: &str| {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            push_escaped(&mut a, text);
            push_escaped_but_quotes(&mut b, text);
            assert_eq!((str::from_utf8(&a), str::from_utf8(&b)), (Ok(quoted), Ok(help)));
        };
        check("", "", "");
        check("plain ü", "plain ü", "plain ü");
        check("a\\b\n\"c\"", r#"a\\b\n\"c\""#, r#"a\\b\n"c""#);
        check("\"\"\n", r#"\"\"\n"#, "\"\"\\n");
    }
}
