//! `cors`: which web pages may talk to the hub.

use super::section::{Section, describe};

/// Settings for browsers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cors {
    /// `cors.origins`: the origins of pages that browsers let talk to the hub, such as `https://pages.example.org`. None by
    /// default: keys do not belong into pages that others can open.
    pub(crate) origins: Vec<String>,
}

impl Cors {
    const ORIGINS_MAX: usize = 100;

    pub(super) fn read(top: &Section<'_>) -> Self {
        let section = top.section("cors");
        let items = section.list("origins");
        if items.len() > Self::ORIGINS_MAX {
            let max = Self::ORIGINS_MAX;
            section.error(
                "origins",
                format!("expected at most {max} origins, got {}", items.len()),
            );
        }
        let mut origins = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.as_str().filter(|text| is_origin(text)) {
                Some(origin) => origins.push(origin.to_owned()),
                None => section.error(
                    &format!("origins[{index}]"),
                    format!(
                        "expected an origin in lower case and without a path, such as https://pages.example.org, got {}",
                        describe(item)
                    ),
                ),
            }
        }
        section.finish();
        Cors { origins }
    }
}

/// Whether a browser would send it so: it compares byte by byte.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_:[]".contains(&byte);
    host.is_some_and(|host| (1..=255).contains(&host.len()) && host.bytes().all(legal))
}

#[cfg(test)]
mod tests {
    use crate::config::tests::load;

    fn check(origin: &str, is_one: bool) {
        let found = load(&format!("cors: {{ origins: ['https://a.example', {origin}] }}"));
        match found {
            Ok(config) => assert!(is_one && config.cors.origins.len() == 2, "{origin}: {config:?}"),
            Err(errors) => {
                let errors = errors.to_string();
                assert!(
                    !is_one && errors.contains("cors.origins[1]: expected an origin"),
                    "{origin}: {errors}"
                );
            }
        }
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for one in ["'http://localhost:8080'", "https://a-b.example", "'http://[::1]:80'"] {
            check(one, true);
        }
        for none in [
            "'*'",
            "https://a.example/",
            "https://A.example",
            "a.example",
            "'null'",
            "1",
            "'https://'",
        ] {
            check(none, false);
        }
    }
}
