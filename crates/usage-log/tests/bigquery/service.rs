//! A server that keeps BigQuery's contract for `insertAll`.

use std::{
    collections::{HashMap, VecDeque},
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use nexus_usage_log::BigQuerySink;
use serde_json::{Value, json};

/// `insertAll` as it is documented: rows with an `insertId` that was seen are dropped; one invalid row stops all others of
/// its request; it takes 50 000 rows and 10 MB.
#[derive(Clone, Default)]
pub struct Service {
    state: Arc<Mutex<Table>>,
}

#[derive(Default)]
pub struct Table {
    /// What was inserted, by `insertId`.
    pub rows: HashMap<String, Value>,
    /// How many rows each request had that was answered with 200.
    pub requests: Vec<usize>,
    /// How many bytes the largest request had.
    pub largest: usize,
    /// How often a row came that was there.
    pub repeats: usize,
    /// What happens to the next requests.
    pub turns: VecDeque<Turn>,
}

#[derive(Debug, Clone, Copy)]
pub enum Turn {
    Take,
    /// Refuses all, with this status, and asks to wait for so many seconds.
    Refuse(u16, Option<u32>),
    /// Stores all, and answers that it could not.
    LoseAnswer,
    /// Stores all, and never answers.
    Hang,
    /// Stores all but the last row, which it is too busy for.
    Busy,
}

impl Service {
    /// Starts one, and says where it is.
    pub fn start() -> (Self, String) {
        let service = Service::default();
        let app = Router::new()
            .route(
                "/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{table}/insertAll",
                post(insert_all),
            )
            .layer(DefaultBodyLimit::disable())
            .with_state(service.clone());
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        (service, address)
    }

    pub fn table<T>(&self, look: impl FnOnce(&mut Table) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    pub fn next(&self, turns: impl IntoIterator<Item = Turn>) {
        self.table(|table| table.turns.extend(turns));
    }

    /// A column of all rows, summed.
    pub fn sum(&self, column: &str) -> u64 {
        let number = |row: &Value| row[column].as_str().unwrap().parse::<u64>().unwrap();
        self.table(|table| table.rows.values().map(number).sum())
    }
}

async fn insert_all(
    State(service): State<Service>,
    Path(path): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(path, ("my-project".into(), "billing".into(), "usage log/€".into()));
    if headers["authorization"] != "Bearer fresh" {
        return refused(401, "Invalid Credentials");
    }
    assert_eq!(headers["content-type"], "application/json");
    assert!(body.len() <= 10_000_000);
    let turn = service.table(|table| table.turns.pop_front()).unwrap_or(Turn::Take);
    if let Turn::Refuse(status, wait) = turn {
        let mut response = refused(status, "Exceeded rate limits");
        if let Some(seconds) = wait {
            response.headers_mut().insert("retry-after", seconds.into());
        }
        return response;
    }
    let request: Value = serde_json::from_slice(&body).unwrap();
    let rows = request["rows"].as_array().unwrap();
    assert!((1..=50_000).contains(&rows.len()));
    let errors = service.table(|table| table.insert(rows, body.len(), matches!(turn, Turn::Busy)));
    match turn {
        Turn::LoseAnswer => refused(503, "Backend error"),
        Turn::Hang => std::future::pending().await,
        _ if errors.is_empty() => Json(json!({ "kind": "bigquery#tableDataInsertAllResponse" })).into_response(),
        _ => Json(json!({ "kind": "bigquery#tableDataInsertAllResponse", "insertErrors": errors })).into_response(),
    }
}

impl Table {
    fn insert(&mut self, rows: &[Value], bytes: usize, is_busy: bool) -> Vec<Value> {
        self.requests.push(rows.len());
        self.largest = self.largest.max(bytes);
        let wrong: Vec<_> = rows.iter().map(|row| wrong_with(&row["json"])).collect();
        let error = |index, reason, message: &str| json!({ "index": index, "errors": [{ "reason": reason, "location": "", "debugInfo": "", "message": message }] });
        if wrong.iter().any(Option::is_some) {
            let errors = wrong.iter().enumerate().map(|(index, wrong)| match wrong {
                Some(message) => error(index, "invalid", message),
                None => error(index, "stopped", ""),
            });
            return errors.collect();
        }
        let taken = if is_busy { rows.len() - 1 } else { rows.len() };
        for row in &rows[..taken] {
            let insert_id = row["insertId"].as_str().unwrap();
            assert!(insert_id.len() <= 128);
            let repeated = self.rows.insert(insert_id.to_owned(), row["json"].clone());
            self.repeats += usize::from(repeated.is_some());
        }
        (taken..rows.len())
            .map(|index| error(index, "backendError", "try again"))
            .collect()
    }
}

/// What the table has against a row, by its schema; and it takes nothing for the key "nobody".
fn wrong_with(row: &Value) -> Option<String> {
    let schema: Value = serde_json::from_str(BigQuerySink::SCHEMA).unwrap();
    wrong_by(&schema, row).or_else(|| (row["key"] == "nobody").then(|| "no such key".to_owned()))
}

fn wrong_by(schema: &Value, row: &Value) -> Option<String> {
    let fields = schema.as_array().unwrap();
    let unknown = row
        .as_object()?
        .keys()
        .find(|name| fields.iter().all(|field| field["name"] != **name));
    if let Some(unknown) = unknown {
        return Some(format!("no such field: {unknown}"));
    }
    fields.iter().find_map(|field| {
        let name = field["name"].as_str().unwrap();
        let value = &row[name];
        let fits = match (field["mode"].as_str().unwrap(), field["type"].as_str().unwrap()) {
            ("NULLABLE", _) if value.is_null() => true,
            ("REPEATED", _) => {
                let rows = value.as_array()?;
                return rows.iter().find_map(|row| wrong_by(&field["fields"], row));
            }
            (_, "STRING") => value.is_string(),
            (_, "BOOLEAN") => value.is_boolean(),
            (_, "INTEGER") => value.is_u64() || value.as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
            // In UTC, with no more than six digits of a second.
            (_, "TIMESTAMP") => value.as_str().is_some_and(|text| {
                let fraction = text.strip_suffix('Z').and_then(|text| text.split_once('.'));
                text.ends_with('Z') && text.contains('T') && fraction.is_none_or(|(_, digits)| digits.len() <= 6)
            }),
            _ => false,
        };
        (!fits).then(|| format!("{name} is {value}"))
    })
}

fn refused(status: u16, message: &str) -> Response {
    let body = json!({ "error": { "code": status, "message": message, "errors": [{ "reason": "x" }] } });
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}
