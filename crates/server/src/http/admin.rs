//! What operators do.

pub(super) mod limits;
pub(super) mod throttle;

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Unread, error::Problem};
use crate::{
    auth::{ApiKey, KeySource, Keyring, NAME_RULE, NewKey, Prefix, Principal, Scope, Scopes, check_name},
    background::Background,
    json::{self, Object},
    reload::Reloader,
    store::Store,
};

/// A snapshot that is in its place.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Snapshot {
    /// The position in the journal that it stands for.
    sequence: u64,
    bytes: u64,
    took_ms: u64,
}

/// An API key; the key itself is not known.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Key {
    name: String,
    scopes: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    /// RFC 3339; absent for keys of the configuration file.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    /// `keys.yaml` or `config`.
    source: &'static str,
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyWanted {
    /// 1 to 64 letters, digits, `.`, `_` and `-`.
    name: String,
    /// Of read, write, scrape, usage, admin; the first three if nothing is said.
    #[serde(default)]
    scopes: Option<Vec<String>>,
    /// Only metrics whose names begin so.
    #[serde(default)]
    prefix: Option<String>,
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyMade {
    name: String,
    /// The key itself, shown this once.
    key: String,
}

/// Write a snapshot now.
#[utoipa::path(
    post, path = "/api/v1/admin/snapshot", tag = "admin",
    responses((status = 200, body = Snapshot), (status = "4XX", body = Problem, content_type = "application/problem+json"), (status = 503, body = Problem))
)]
pub(super) async fn snapshot(
    State(store): State<Store>,
    State(background): State<Background>,
    caller: Principal,
) -> Result<Json<Snapshot>, Problem> {
    caller.has(Scope::Admin)?;
    let taken = background.run(move || store.snapshot()).await;
    let taken = taken.map_err(|_| Problem::internal())??;
    Ok(Json(Snapshot {
        sequence: taken.position,
        bytes: taken.bytes,
        took_ms: taken.took_ms,
    }))
}

/// List the keys.
#[utoipa::path(get, path = "/api/v1/admin/keys", tag = "admin", responses((status = 200, body = Vec<Key>), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn keys(State(keyring): State<Keyring>, caller: Principal) -> Result<Json<Vec<Key>>, Problem> {
    caller.has(Scope::Admin)?;
    Ok(Json(keyring.all().iter().map(|key| describe(key)).collect()))
}

fn describe(key: &ApiKey) -> Key {
    Key {
        name: key.name.to_string(),
        scopes: Scope::ALL
            .into_iter()
            .filter(|scope| key.scopes.contains(*scope))
            .map(Scope::as_str)
            .collect(),
        prefix: key.prefix.as_ref().map(|prefix| prefix.as_str().to_owned()),
        created: key.created.map(|created| created.to_string()),
        source: match key.source {
            KeySource::Config => "config",
            KeySource::KeysFile => "keys.yaml",
        },
    }
}

/// Make a key. The answer is the only place where it can be read.
#[utoipa::path(
    post, path = "/api/v1/admin/keys", tag = "admin", request_body = KeyWanted,
    responses((status = 201, body = KeyMade), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn new_key(
    State(keyring): State<Keyring>,
    caller: Principal,
    body: Unread,
) -> Result<(StatusCode, Json<KeyMade>), Problem> {
    caller.has(Scope::Admin)?;
    let body = body.read().await?;
    let Object(wanted): Object<KeyWanted> =
        json::read(&body).map_err(|error| Problem::bad_request(format!("the body is not a key: {error}")))?;
    let new = wanted.read()?;
    // A key that is bounded by a prefix must not make one that is not.
    caller.may(Scope::Admin, new.prefix.as_ref().map_or("", Prefix::as_str))?;
    let name = new.name.to_string();
    // A key of the configuration file has the name already, and counts first.
    if keyring.all().iter().any(|key| *key.name == *name) {
        return Err(Problem::exists(format!("there is a key named {name} already")));
    }
    let secret = blocking(move || {
        let secret = keyring.file().add(new)?;
        keyring.reload_if_changed()?;
        Ok::<_, crate::auth::KeysError>(secret)
    })
    .await??;
    tracing::info!(key = name, by = %caller.name, "a key was made");
    Ok((
        StatusCode::CREATED,
        Json(KeyMade {
            name,
            key: secret.expose().to_owned(),
        }),
    ))
}

impl KeyWanted {
    fn read(&self) -> Result<NewKey, Problem> {
        let name = check_name(&self.name)
            .ok_or_else(|| Problem::bad_request(format!("{:?} cannot name a key: it takes {NAME_RULE}", self.name)))?;
        let scopes = self
            .scopes
            .as_ref()
            .map_or_else(|| "read,write,scrape".to_owned(), |scopes| scopes.join(","));
        let scopes: Scopes = scopes.parse().map_err(Problem::bad_request)?;
        let prefix: Option<Prefix> = self
            .prefix
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(Problem::bad_request)?;
        Ok(NewKey { name, scopes, prefix })
    }
}

/// Take a key away.
#[utoipa::path(
    delete, path = "/api/v1/admin/keys/{name}", tag = "admin", params(("name" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn revoke_key(
    State(keyring): State<Keyring>,
    caller: Principal,
    name: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    caller.has(Scope::Admin)?;
    let Path(name) = name.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let known = keyring.all().into_iter().find(|key| *key.name == *name);
    let prefix = known.as_ref().and_then(|key| key.prefix.as_ref());
    caller.may(Scope::Admin, prefix.map_or("", Prefix::as_str))?;
    let revoked = name.clone();
    blocking(move || keyring.revoke(&name)).await??;
    tracing::info!(key = revoked, by = %caller.name, "a key was revoked");
    Ok(StatusCode::NO_CONTENT)
}

/// What a reload found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reloaded {
    /// Whether `keys.yaml` was another one than before.
    keys: bool,
    /// Whether the certificate was.
    certificate: bool,
    /// Whether limits of the configuration file or of `settings.yaml` were.
    settings: bool,
    /// Sections of the configuration file that are others than at the start, and wait for the next start.
    wait_for_a_start: Vec<&'static str>,
}

/// Read keys and certificate again at once, which the hub does by itself within a second; and from the configuration file
/// and `settings.yaml` the limits that can change while it runs. Everything else of the file waits for a restart.
#[utoipa::path(post, path = "/-/reload", tag = "admin", responses((status = 200, body = Reloaded), (status = "4XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn reload(State(reloader): State<Reloader>, caller: Principal) -> Result<Json<Reloaded>, Problem> {
    caller.has(Scope::Admin)?;
    let changed = blocking(move || reloader.reload_all())
        .await?
        .map_err(Problem::conflict)?;
    Ok(Json(Reloaded {
        keys: changed.keys,
        certificate: changed.certificate,
        settings: changed.settings,
        wait_for_a_start: changed.wait_for_a_start,
    }))
}

/// A limit on a key that does not exist is most likely a slip of the pen.
fn keys_are_known<'a>(keyring: &Keyring, mut names: impl Iterator<Item = &'a str>) -> Result<(), Problem> {
    let keys = keyring.all();
    match names.find(|name| keys.iter().all(|key| *key.name != **name)) {
        Some(name) => Err(Problem::not_found(format!(
            "there is no key named {name:?}: GET /api/v1/admin/keys lists all"
        ))),
        None => Ok(()),
    }
}

/// Files may be slow; other requests do not wait for them.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::internal())
}
