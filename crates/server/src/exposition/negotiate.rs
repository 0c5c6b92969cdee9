use nexus_metric::text::{Escaping, Format};

use crate::content_coding::ContentCoding;

/// What a scraper gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Negotiated {
    pub(crate) format: Format,
    pub(crate) escaping: Escaping,
    /// Whether the scraper asked for that escaping, so that the answer names it.
    pub(crate) escaping_asked: bool,
}

impl Negotiated {
    pub(crate) fn content_type(self) -> &'static str {
        if self.escaping_asked {
            self.format.content_type(self.escaping)
        } else {
            self.format.plain_content_type()
        }
    }
}

/// Chooses by `Accept`: what has the highest quality, the first of equals; text 0.0.4 if nothing fits, which every scraper
/// reads. Scrapers that do not ask for an escaping know no UTF-8 names and get underscores.
pub(crate) fn negotiate(accept: &str) -> Negotiated {
    let mut best: Option<(u16, Negotiated)> = None;
    for (media, quality) in list(accept) {
        let format = match media.name {
            "application/openmetrics-text" => {
                matches!(media.parameter("version"), None | Some("1.0.0" | "0.0.1")).then_some(Format::OpenMetrics)
            }
            "text/plain" => matches!(media.parameter("version"), None | Some("0.0.4")).then_some(Format::Prometheus),
            "text/*" | "*/*" => Some(Format::Prometheus),
            _ => None,
        };
        let escaping: Option<Escaping> = media.parameter("escaping").and_then(|escaping| escaping.parse().ok());
        let Some(format) = format.filter(|_| quality > 0 && best.is_none_or(|(best, _)| quality > best)) else {
            continue;
        };
        best = Some((
            quality,
            Negotiated {
                format,
                escaping: escaping.unwrap_or(Escaping::Underscores),
                escaping_asked: escaping.is_some(),
            },
        ));
    }
    best.map_or(
        Negotiated {
            format: Format::Prometheus,
            escaping: Escaping::Underscores,
            escaping_asked: false,
        },
        |(_, chosen)| chosen,
    )
}

/// Chooses by `Accept-Encoding`: the highest quality, [`ContentCoding::PREFERRED`] among equals.
pub(crate) fn accepted_encoding(accept_encoding: &str) -> ContentCoding {
    let mut best = (0, ContentCoding::Identity);
    // `*` is what is not named: a client may refuse gzip and take anything else.
    let names_gzip = list(accept_encoding).any(|(coding, _)| matches!(coding.name, "gzip" | "x-gzip"));
    for (coding, quality) in list(accept_encoding) {
        let encoding = match coding.name {
            "*" if !names_gzip => Some(ContentCoding::Gzip),
            name => ContentCoding::named(name),
        };
        let Some(encoding) = encoding else { continue };
        if quality > best.0 || (quality == best.0 && quality > 0 && encoding == ContentCoding::PREFERRED) {
            best = (quality, encoding);
        }
    }
    best.1
}

/// One element of a header that lists what is acceptable, with its parameters.
struct Acceptable<'a> {
    name: &'a str,
    parameters: &'a str,
}

impl Acceptable<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.split(';').find_map(|parameter| {
            let (found, value) = parameter.split_once('=')?;
            found
                .trim()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().trim_matches('"'))
        })
    }
}

/// The elements with their quality in thousandths (RFC 9110, 12.4.2).
fn list(header: &str) -> impl Iterator<Item = (Acceptable<'_>, u16)> {
    header.split(',').map(|element| {
        let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
        let acceptable = Acceptable {
            name: name.trim(),
            parameters,
        };
        let quality = acceptable.parameter("q").map_or(1000, quality);
        (acceptable, quality)
    })
}

fn quality(text: &str) -> u16 {
    let digits: String = text
        .chars()
        .filter(char::is_ascii_digit)
        .chain("000".chars())
        .take(4)
        .collect();
    digits.parse::<u16>().map_or(0, |quality| quality.min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_negotiated() {
        let check = |accept: &str, expected: &str| assert_eq!(negotiate(accept).content_type(), expected, "{accept}");
        let text = "text/plain; version=0.0.4; charset=utf-8";
        let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        check("", text);
        check("*/*", text);
        check("application/json", text);
        check("text/plain", text);
        check("application/openmetrics-text", open);
        // Prometheus 2.42.
        check(
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            open,
        );
        // Prometheus 3.
        check(
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        );
        check(
            "text/plain;version=0.0.4;q=0.9, application/openmetrics-text;version=1.0.0;q=0.1",
            text,
        );
        check("application/openmetrics-text;q=0", text);
        check("application/openmetrics-text; version=9.0.0", text);
        check(
            "text/plain; version=0.0.4; escaping=dots",
            "text/plain; version=0.0.4; charset=utf-8; escaping=dots",
        );
    }

    #[test]
    fn encodings_are_negotiated() {
        let check = |accept: &str, expected: ContentCoding| assert_eq!(accepted_encoding(accept), expected, "{accept}");
        check("", ContentCoding::Identity);
        check("gzip", ContentCoding::Gzip);
        check("gzip, deflate, br, zstd", ContentCoding::PREFERRED);
        check("gzip;q=1.0, zstd;q=0.5", ContentCoding::Gzip);
        check("gzip;q=0", ContentCoding::Identity);
        check("identity", ContentCoding::Identity);
        check("identity;q=0.5, gzip;q=0.25", ContentCoding::Identity);
        check("br", ContentCoding::Identity);
        check("*", ContentCoding::Gzip);
        check("gzip;q=0, *", ContentCoding::Identity);
    }
}
