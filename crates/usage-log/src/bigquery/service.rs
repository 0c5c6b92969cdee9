//! Requests to the service.

use std::time::Duration;

use reqwest::{
    Client, StatusCode, Url,
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect,
};

use super::{
    BearerToken, BigQuerySettings, BigQuerySettingsError,
    answer::{Answer, Reason, message},
    row::Row,
};
use crate::{id::EventOutcome, sink::SinkError};

const WRITING: &str = "cannot write the usage log into BigQuery";

/// The table's method `insertAll`.
#[derive(Debug)]
pub(super) struct Service {
    http: Client,
    url: Url,
    token: BearerToken,
}

impl Service {
    pub(super) fn new(settings: &BigQuerySettings) -> Result<Self, BigQuerySettingsError> {
        const ENDPOINT: &str = "the address of BigQuery is malformed";
        let mut url: Url = settings
            .endpoint
            .parse()
            .map_err(|error| BigQuerySettingsError::new(ENDPOINT, format!("{}: {error}", settings.endpoint)))?;
        url.path_segments_mut()
            .map_err(|()| BigQuerySettingsError::new(ENDPOINT, settings.endpoint.clone()))?
            .pop_if_empty()
            .extend(["bigquery", "v2", "projects", &settings.project])
            .extend(["datasets", &settings.dataset, "tables", &settings.table, "insertAll"]);
        let mut tls = nexus_trust::client_tls(settings.authorities.as_deref())
            .map_err(|error| BigQuerySettingsError::new("TLS for BigQuery cannot be set up", error))?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(settings.request_timeout)
            // The token is for this service alone.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| BigQuerySettingsError::new("the client for BigQuery cannot be set up", error))?;
        Ok(Service {
            http,
            url,
            token: settings.token.clone(),
        })
    }

    /// Stores rows, and tells of each what became of it, as soon as it is known, also if others fail.
    pub(super) async fn insert(
        &self,
        mut rows: Vec<Row>,
        mut tell: impl FnMut(Row, EventOutcome),
    ) -> Result<(), SinkError> {
        // Without its invalid rows a request is offered again, so each round has fewer.
        while !rows.is_empty() {
            let answer = self.post(&rows).await?;
            let (mut stopped, mut failed, mut refused) = (Vec::new(), None, false);
            for (place, row) in rows.into_iter().enumerate() {
                match answer.of(place) {
                    None => tell(row, EventOutcome::Stored),
                    Some((Reason::Invalid, why)) => {
                        tracing::warn!(id = row.insert_id, why, "BigQuery refuses a record of the usage log");
                        refused = true;
                        tell(row, EventOutcome::Refused);
                    }
                    Some((Reason::Stopped, _)) => stopped.push(row),
                    Some((Reason::Other, why)) => failed = Some(why.to_owned()),
                }
            }
            if let Some(why) = failed {
                return Err(SinkError::new(WRITING, why));
            }
            if !stopped.is_empty() && !refused {
                return Err(SinkError::new(WRITING, "it stopped at no row that is invalid"));
            }
            rows = stopped;
        }
        Ok(())
    }

    async fn post(&self, rows: &[Row]) -> Result<Answer, SinkError> {
        let token = self
            .token
            .get()
            .map_err(|error| SinkError::new("there is no token for BigQuery", error))?;
        let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        let request = self
            .http
            .post(self.url.clone())
            .bearer_auth(token)
            .header(CONTENT_TYPE, "application/json")
            .body(format!("{{\"rows\":[{}]}}", texts.join(",")));
        // Without the URL, which says nothing that the settings do not.
        let failed = |error: reqwest::Error| SinkError::new(WRITING, explained(&error.without_url()));
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let asked = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.bytes().await.map_err(failed)?;
        if status != StatusCode::OK {
            let error = SinkError::new(WRITING, format!("{status}: {}", message(&body)));
            return Err(match asked {
                Some(seconds) => error.with_retry_after(Duration::from_secs(seconds)),
                None => error,
            });
        }
        Answer::read(&body).ok_or_else(|| SinkError::new(WRITING, "its answer is not one of insertAll"))
    }
}

/// With what is behind it, which the library's own text leaves out.
fn explained(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut behind = std::error::Error::source(error);
    while let Some(error) = behind {
        text = format!("{text}: {error}");
        behind = error.source();
    }
    text
}
