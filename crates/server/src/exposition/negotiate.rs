//! Which format and which content coding a scraper gets.

use nexus_metric::text::{Escaping, Format};

use crate::{
    accept::{Acceptable, elements},
    content_coding::ContentCoding,
};

/// What a scraper gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Negotiated {
    pub(crate) format: Format,
    pub(crate) escaping: Escaping,
    /// Whether the scraper asked for that escaping, so that the answer names it.
    pub(crate) escaping_asked: bool,
}

impl Negotiated {
    /// What every scraper reads.
    const DEFAULT: Self = Negotiated {
        format: Format::Prometheus,
        escaping: Escaping::Underscores,
        escaping_asked: false,
    };

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
    let is_named = |format: &Format| elements(accept).any(|element| format_of(&element) == Some(*format));
    let mut best = (0, Negotiated::DEFAULT);
    for element in elements(accept).filter(|element| element.quality > 0) {
        let format = format_of(&element).or_else(|| {
            // What is named elsewhere has its quality there.
            let candidates: &[Format] = match element.name {
                "*/*" => &[Format::Prometheus, Format::OpenMetrics],
                "text/*" => &[Format::Prometheus],
                "application/*" => &[Format::OpenMetrics],
                _ => &[],
            };
            candidates.iter().find(|format| !is_named(format)).copied()
        });
        let escaping: Option<Escaping> = element.parameter("escaping").and_then(|escaping| escaping.parse().ok());
        if let Some(format) = format.filter(|_| element.quality > best.0) {
            let negotiated = Negotiated {
                format,
                escaping: escaping.unwrap_or(Escaping::Underscores),
                escaping_asked: escaping.is_some(),
            };
            best = (element.quality, negotiated);
        }
    }
    best.1
}

/// The format that an element names, in a version that we write.
fn format_of(element: &Acceptable<'_>) -> Option<Format> {
    let version = element.parameter("version");
    if element.is("application/openmetrics-text") {
        matches!(version, None | Some("1.0.0" | "0.0.1")).then_some(Format::OpenMetrics)
    } else if element.is("text/plain") {
        matches!(version, None | Some("0.0.4")).then_some(Format::Prometheus)
    } else {
        None
    }
}

/// Chooses by `Accept-Encoding`: the highest quality, [`ContentCoding::PREFERRED`] among equals.
pub(crate) fn accepted_encoding(accept_encoding: &str) -> ContentCoding {
    let mut best = (0, ContentCoding::Identity);
    // `*` is what is not named: a client may refuse gzip and take anything else.
    let named = |element: &Acceptable<'_>| ContentCoding::named(&element.name.to_ascii_lowercase());
    let names_gzip = elements(accept_encoding).any(|element| named(&element) == Some(ContentCoding::Gzip));
    for element in elements(accept_encoding) {
        let encoding = match element.name {
            "*" if !names_gzip => Some(ContentCoding::Gzip),
            _ => named(&element),
        };
        let Some(encoding) = encoding else { continue };
        let quality = element.quality;
        if quality > best.0 || (quality == best.0 && quality > 0 && encoding == ContentCoding::PREFERRED) {
            best = (quality, encoding);
        }
    }
    best.1
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
        check("Application/OpenMetrics-Text", open);
        check("application/*", open);
        check("text/*, */*", text);
        check("*/*, text/plain;q=0", open);
        check("application/openmetrics-text;q=0, */*", text);
        check("application/openmetrics-text;q=0.5, */*", text);
        check("application/openmetrics-text;q=0.5, */*;q=0.1", open);
        check("application/openmetrics-text;q=.5, text/plain;q=0.4", open);
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
        check("GZip", ContentCoding::Gzip);
        check("gzip;q=0.001", ContentCoding::Gzip);
        check("gzip;q=nonsense", ContentCoding::Identity);
    }
}
