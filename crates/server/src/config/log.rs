//! `log`: what the hub says about itself, on standard error.

use super::{
    section::{Section, quote},
    units::{self, choice},
};
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

/// Settings of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    /// `log.format`: `text`.
    pub(crate) format: LogFormat,
    /// `log.level`, environment `METRIC_NEXUS_LOG`: `info`. A level (`off`, `error`, `warn`, `info`, `debug`, `trace`)
    /// and, behind commas, `module=level` for single modules. Known to be good for
    /// [`EnvFilter::try_new`].
    pub(crate) level: String,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LogFormat {
    /// `text`: for people.
    #[default]
    Text,
    /// `json`: one object a line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Log {
            format: LogFormat::default(),
            level: "info".to_owned(),
        }
    }
}

impl Log {
    pub(super) fn read(top: &Section<'_>) -> Self {
        let section = top.section("log");
        let mut log = Log::default();
        section.set("format", &mut log.format, |value| {
            choice(
                units::string(value)?,
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            )
        });
        section.set("level", &mut log.level, |value| level(units::string(value)?));
        section.finish();
        log
    }
}

/// A filter. A bare word that is no level is refused: the library would take `inof` for a module, and say nothing else.
pub(super) fn level(text: &str) -> Result<String, String> {
    let known = |part: &&str| part.contains('=') || (!part.is_empty() && part.parse::<LevelFilter>().is_ok());
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let filter = parts.join(",");
    let good = !filter.is_empty() && parts.iter().all(known) && EnvFilter::try_new(&filter).is_ok();
    good.then_some(filter).ok_or_else(|| {
        format!(
            "expected a level (off, error, warn, info, debug, trace), and module=level behind commas, got {}",
            quote(text)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        fn check(text: &str, good: bool) {
            assert_eq!(level(text).is_ok(), good, "{text}");
        }
        check("info", true);
        check("off", true);
        check("info,nexus_server=debug", true);
        check("warn, hyper=info", true);
        check("inof", false);
        check("", false);
        check("info,", false);
        check("info,hyper", false);
        check("hyper=loud", false);
        assert_eq!(level(" warn, hyper=info "), Ok("warn,hyper=info".to_owned()));
    }
}
