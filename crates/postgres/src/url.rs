//! Where a database is, as it is written.

use tokio_postgres::{Config, config::Host};

use crate::SettingsError;

/// Reads a URL or `key=value` pairs. What is wrong with them could quote a password in them, so nothing of them is quoted.
pub(crate) fn parse(url: &str) -> Result<Config, SettingsError> {
    let config: Config = url.parse().map_err(|error| explain(&error))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(SettingsError::Url("it names no host".to_owned()));
    }
    if !config.get_hosts().iter().all(is_name) {
        let why =
            "the name of a host is malformed; in a URL an @, /, : or % of a password is written %40, %2F, %3A or %25";
        return Err(SettingsError::Url(why.to_owned()));
    }
    Ok(config)
}

/// The hosts, as errors name them.
pub(crate) fn hosts(config: &Config) -> String {
    let (hosts, ports) = (config.get_hosts(), config.get_ports());
    let addresses = config.get_hostaddrs();
    let host = |index: usize| {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        match (hosts.get(index), addresses.get(index)) {
            (Some(Host::Tcp(name)), _) => format!("{name}:{port}"),
            #[cfg(unix)]
            (Some(Host::Unix(path)), _) => path.display().to_string(),
            (_, Some(address)) => format!("{address}:{port}"),
            (_, None) => String::new(),
        }
    };
    let names: Vec<_> = (0..hosts.len().max(addresses.len())).map(host).collect();
    names.join(", ")
}

/// The library says which of its options has a value that cannot be, without quoting that. All else that it says could quote.
fn explain(error: &tokio_postgres::Error) -> SettingsError {
    let said = std::error::Error::source(error).map(ToString::to_string);
    let option = said.filter(|said| said.starts_with("invalid value for option"));
    SettingsError::Url(option.unwrap_or_else(|| {
        "it is neither postgres://USER:PASSWORD@HOST:PORT/DATABASE nor key=value pairs with options that are known"
            .to_owned()
    }))
}

fn is_name(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte)),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}
