//! Reports of the usage log.

use std::time::Duration;

use axum::{
    extract::State,
    http::{
        HeaderMap, HeaderValue, Uri,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use nexus_usage_log::Format;

use super::{error::Problem, query::Parameters};
use crate::{
    accept::{preferred, values_of},
    auth::{Principal, Scope},
    background::Background,
    usage_log::{Asked, UsageLogHandle, write_report},
};

/// How long a report waits for what is still to be stored.
const FLUSH: Duration = Duration::from_secs(2);
/// How many rows are answered.
const ROWS_MAX: usize = 1_000_000;

/// Who asked for what: calls and bytes by window and group.
#[utoipa::path(
    get, path = "/api/v1/usage/report", tag = "usage",
    params(
        ("window" = Option<String>, Query, description = "1s, 1m, 1h or what divides the next of them (15m, 6h), 1d, 1w or 1mo; one window over everything"),
        ("group_by" = Option<Vec<String>>, Query, description = "key, tenant, service, route, client, method, status, status_class, outcome, source, label.NAME"),
        ("where" = Option<Vec<String>>, Query, description = "status=200, status=5xx, key!=ci; a condition that no record can meet is refused"),
        ("from" = Option<String>, Query, description = "RFC 3339, a day, seconds since 1970, or how long ago: -24h, now"),
        ("to" = Option<String>, Query, description = "exclusive"),
        ("zone" = Option<String>, Query, description = "whose days and months; UTC"),
        ("anchor_day" = Option<u8>, Query, minimum = 1, maximum = 31, description = "on which day months begin, on the last one of a shorter month; 1"),
        ("order" = Option<Vec<String>>, Query, description = "a column or a measure; - before it turns it round"),
        ("limit" = Option<usize>, Query),
        ("format" = Option<String>, Query, description = "json, csv or table; as the client accepts")
    ),
    responses((status = 200, body = Vec<serde_json::Value>), (status = "4XX", body = Problem, content_type = "application/problem+json"), (status = 503, body = Problem))
)]
pub(super) async fn report(
    State(usage_log): State<UsageLogHandle>,
    State(background): State<Background>,
    caller: Principal,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // It tells of every key.
    caller.may(Scope::Admin, "")?;
    let known = [
        "window",
        "group_by",
        "where",
        "from",
        "to",
        "zone",
        "anchor_day",
        "order",
        "limit",
        "format",
    ];
    let parameters = Parameters::read(uri.query(), &known)?;
    let text = |name: &str| Ok::<_, Problem>(parameters.one(name)?.map(str::to_owned));
    let list = |name: &str| parameters.all(name).map(str::to_owned).collect::<Vec<_>>();
    let query = Asked {
        window: text("window")?,
        group_by: list("group_by"),
        filters: list("where"),
        from: text("from")?,
        to: text("to")?,
        zone: text("zone")?,
        anchor_day: text("anchor_day")?,
        order: list("order"),
        limit: Some(parameters.limit(ROWS_MAX, ROWS_MAX)?),
    };
    let query = query.read()?;
    let format = match parameters.one("format")? {
        Some(format) => format
            .parse()
            .map_err(|error| Problem::bad_request(format!("format: {error}")))?,
        None => {
            let offered = [("application/json", Format::Json), ("text/csv", Format::Csv)];
            preferred(&values_of(&headers, ACCEPT), &offered).unwrap_or(Format::Json)
        }
    };
    let made = background.run_long(move || {
        let place = usage_log.place().ok_or_else(Problem::no_usage_log)?;
        usage_log.flush(FLUSH);
        let mut body = Vec::new();
        write_report(place, &query, format, &mut body)?;
        Ok::<_, Problem>(body)
    });
    let body = made.await.map_err(|_| Problem::internal())??;
    let kind = match format {
        Format::Json => "application/json",
        Format::Csv => "text/csv; charset=utf-8",
        Format::Table => "text/plain; charset=utf-8",
    };
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response())
}
