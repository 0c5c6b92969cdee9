//! `nexus trust`.

use super::{Exit, Failure, Output, Settings, Variables};
use crate::{
    request,
    trust::{FetchError, Fingerprint, fetch},
};

/// Prints the certificate that has the fingerprint, as the hub shows it.
pub(super) async fn trust(
    settings: &Settings,
    variables: &Variables,
    output: &Output,
    hub: Option<&str>,
) -> Result<Exit, Failure> {
    let url = request::base(hub.unwrap_or(settings.url())).map_err(|error| Failure::usage(error.to_string()))?;
    let pins = pins(settings, variables)?;
    let timeout = settings.deadline();
    let address = url.clone();
    let fetched = tokio::task::spawn_blocking(move || fetch(&address, &pins, timeout)).await;
    let fetched = fetched.map_err(|error| Failure::failed(format!("cannot fetch: {error}")))?;
    let fetched = fetched.map_err(|error| match error {
        FetchError::Plain | FetchError::Setup(_) | FetchError::Unpinned(_) => Failure::usage(error.to_string()),
        FetchError::Io(_) => Failure::unreachable(format!("cannot ask {url}: {error}")),
        FetchError::Untrusted(_) => Failure::failed(format!("the certificate of {url} is not trusted: {error}")),
    })?;
    output.data(&fetched.pem)?;
    if let Some(note) = fetched.note {
        output.say(&format!(
            "verified by its fingerprint, but not usable for {url} yet: {note}"
        ));
    }
    Ok(Exit::Done)
}

fn pins(settings: &Settings, variables: &Variables) -> Result<Vec<Fingerprint>, Failure> {
    let from_environment = variables.get("METRIC_NEXUS_FINGERPRINT").unwrap_or_default();
    let from_environment = from_environment
        .split([',', ' '])
        .filter(|text| !text.trim().is_empty());
    let from_environment: Vec<String> = from_environment.map(str::to_owned).collect();
    let texts: &[String] = match settings.fingerprints() {
        [] => &from_environment,
        given => given,
    };
    let pins = texts.iter().map(|text| text.parse::<Fingerprint>());
    pins.collect::<Result<_, _>>()
        .map_err(|error| Failure::usage(error.to_string()))
}
