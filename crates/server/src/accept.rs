//! What a client accepts (RFC 9110, 12.5): lists with qualities, of media types and of content codings.

use std::cmp::Reverse;

use axum::http::{HeaderMap, HeaderName};

/// One element of such a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acceptable<'a> {
    pub(crate) name: &'a str,
    parameters: &'a str,
    /// In thousandths; 0 refuses it.
    pub(crate) quality: u16,
}

/// How closely an element names a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    /// `*/*`
    Any,
    /// `type/*`
    Type,
    /// `type/other+subtype`, which is of that form too.
    Suffix,
    Name,
}

/// All values of a header as one list.
pub(crate) fn values_of(headers: &HeaderMap, name: HeaderName) -> String {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}

/// The elements of a list.
pub(crate) fn elements(list: &str) -> impl Iterator<Item = Acceptable<'_>> {
    list.split(',').map(|element| {
        let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
        let element = Acceptable {
            name: name.trim(),
            parameters,
            quality: 1000,
        };
        Acceptable {
            quality: element.parameter("q").map_or(1000, quality),
            ..element
        }
    })
}

/// The media type that a client likes most: by its quality, then by how closely the client names it, then by its place in the
/// client's list, then in `offered`. None if it accepts none of them.
pub(crate) fn preferred<T: Copy>(list: &str, offered: &[(&str, T)]) -> Option<T> {
    let offers = offered.iter().enumerate().filter_map(|(place, (media, offer))| {
        let named = elements(list)
            .enumerate()
            .filter_map(|(at, element)| Some((element.closeness(media)?, Reverse(at), element.quality)));
        // The closest element alone says how much it is liked.
        let (closeness, at, quality) = named.max()?;
        (quality > 0).then_some(((quality, closeness, at, Reverse(place)), *offer))
    });
    offers.max_by_key(|(liked, _)| *liked).map(|(_, offer)| offer)
}

impl<'a> Acceptable<'a> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.split(';').find_map(|parameter| {
            let (found, value) = parameter.split_once('=')?;
            found
                .trim()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().trim_matches('"'))
        })
    }

    fn closeness(&self, media: &str) -> Option<Closeness> {
        let ((kind, subtype), (own_kind, own_subtype)) = (media.split_once('/')?, self.name.split_once('/')?);
        if self.name == "*/*" {
            Some(Closeness::Any)
        } else if !own_kind.eq_ignore_ascii_case(kind) {
            None
        } else if own_subtype.eq_ignore_ascii_case(subtype) {
            Some(Closeness::Name)
        } else if own_subtype
            .rsplit_once('+')
            .is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case(subtype))
        {
            Some(Closeness::Suffix)
        } else {
            (own_subtype == "*").then_some(Closeness::Type)
        }
    }
}

/// A quality in thousandths; what is none refuses.
fn quality(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let thousandths = || {
        let digits = fraction.bytes().chain(*b"000").take(3);
        digits
            .map(|digit| char::from(digit).to_digit(10))
            .try_fold(0, |sum, digit| Some(10 * sum + digit?))
    };
    match whole {
        "1" => 1000,
        "0" | "" => thousandths().and_then(|sum| u16::try_from(sum).ok()).unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualities() {
        let check = |text: &str, expected: u16| assert_eq!(quality(text), expected, "{text}");
        check("1", 1000);
        check("1.000", 1000);
        check("0", 0);
        check("0.000", 0);
        check("0.5", 500);
        check("0.05", 50);
        check("0.123", 123);
        check("0.1239", 123);
        check(".5", 500);
        for nonsense in ["", "2", "-1", "x", "0.x", "0,5", "é", "nan"] {
            check(nonsense, 0);
        }
    }

    #[test]
    fn the_media_type_that_is_liked_most() {
        let offered = [
            ("text/plain", "text"),
            ("application/json", "json"),
            ("text/csv", "csv"),
        ];
        let check = |list: &str, expected: Option<&str>| assert_eq!(preferred(list, &offered), expected, "{list}");
        check("", None);
        check("nonsense", None);
        check("image/png", None);
        check("*/*", Some("text"));
        check("text/*", Some("text"));
        check("application/*", Some("json"));
        check("application/json", Some("json"));
        check("Application/JSON ; Q=0.5", Some("json"));
        check("application/ld+json", Some("json"));
        check("image/svg+json", None);
        check("text/csv, application/json", Some("csv"));
        check("application/json, text/csv", Some("json"));
        check("application/json, text/plain, */*", Some("json"));
        check("application/json;q=0.1, text/csv;q=0.2", Some("csv"));
        check("application/json;q=0.5, */*", Some("text"));
        check("application/json, */*;q=0.9", Some("json"));
        check("application/json;q=0", None);
        check("*/*, text/plain;q=0", Some("json"));
        check("text/plain;q=0, text/*", Some("csv"));
        check("*/*;q=0, text/csv;q=0.001", Some("csv"));
        check("text/html,application/xhtml+xml,*/*;q=0.8", Some("text"));
    }

    #[test]
    fn several_headers_are_one_list() {
        let headers: HeaderMap = ["a", "b;q=0.5", "\u{e9}"]
            .into_iter()
            .map(|value| {
                (
                    axum::http::header::ACCEPT,
                    axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
                )
            })
            .fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            });
        assert_eq!(values_of(&headers, axum::http::header::ACCEPT), "a,b;q=0.5");
    }
}
