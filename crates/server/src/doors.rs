//! The doors: paths, what each takes and answers.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use dm_collab::sync::MESSAGE_BYTES_MAX;
use dm_engine::wire::{self, SYNC_MEDIA_TYPE};
use dm_engine::{Access, InstanceSummary, Received};
use dm_model::Space;
use serde::{Deserialize, Serialize};

use crate::dto;
use crate::failure::Failure;
use crate::pool::Pool;

/// How long a request may take, its body's arrival included.
const REQUEST_SECONDS_MAX: u64 = 300;

#[derive(Clone)]
struct App {
    pool: Pool,
    require_token: bool,
    protocol_max: u8,
}

/// The spaces that whoever asks may read and write to.
#[derive(Clone)]
struct Allowed(Vec<Space>);

/// All doors of a store.
pub fn router(pool: Pool, require_token: bool, protocol_max: u8) -> Router {
    let app = App { pool, require_token, protocol_max };
    let guarded = Router::new()
        .route("/api/sync", post(sync))
        .route("/api/patches/push", post(push))
        .route("/api/patches/pull", get(pull))
        .route("/api/instance", get(instance))
        .method_not_allowed_fallback(|| async { Failure::method() })
        .layer(middleware::from_fn_with_state(app.clone(), guard));
    Router::new()
        .route("/healthz", get(health))
        .method_not_allowed_fallback(|| async { Failure::method() })
        .merge(guarded)
        .fallback(|| async { Failure::nothing_there() })
        .layer(middleware::from_fn(in_time))
        .layer(DefaultBodyLimit::max(MESSAGE_BYTES_MAX))
        .with_state(app)
}

async fn in_time(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(Duration::from_secs(REQUEST_SECONDS_MAX), next.run(request)).await;
    answered.unwrap_or_else(|_| Failure::too_slow().into_response())
}

/// Asks for the token, and for how large the body is, before it is read.
async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = shown.and_then(|shown| shown.strip_prefix("Bearer ")).map(|token| token.trim().to_owned());
    let required = app.require_token;
    let said = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match app.pool.run(move |engine| engine.access(token.as_deref(), required)).await {
        Ok(Access::Granted(_)) if said.is_some_and(|said| said > MESSAGE_BYTES_MAX as u64) => {
            too_large().into_response()
        }
        Ok(Access::Granted(spaces)) => {
            request.extensions_mut().insert(Allowed(spaces));
            next.run(request).await
        }
        Ok(Access::NoToken) => Failure::token("this server asks for a key, and none was shown").into_response(),
        Ok(Access::WrongToken) => Failure::token("the key is none of this server's, or has expired").into_response(),
        Err(failure) => failure.into_response(),
    }
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn health(State(app): State<App>) -> Result<Json<Health>, Failure> {
    app.pool.run(|engine| engine.access(None, true)).await?;
    Ok(Json(Health { status: "ok" }))
}

async fn instance(
    State(app): State<App>,
    Extension(Allowed(allowed)): Extension<Allowed>,
) -> Result<Json<InstanceSummary>, Failure> {
    app.pool.run(move |engine| engine.instance(&allowed)).await.map(Json)
}

fn too_large() -> Failure {
    Failure::too_large(format!("a body has at most {MESSAGE_BYTES_MAX} bytes"))
}

fn body_failure(rejection: &BytesRejection) -> Failure {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large();
    }
    Failure::request(format!("the body did not arrive whole: {}", rejection.body_text()))
}

async fn sync(
    State(app): State<App>,
    Extension(Allowed(allowed)): Extension<Allowed>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media_type != SYNC_MEDIA_TYPE {
        return Err(Failure::media_type(format!("the sync door takes bodies of type {SYNC_MEDIA_TYPE}")));
    }
    let body = body.map_err(|rejection| body_failure(&rejection))?;
    let bytes = wire::unpack(&body).map_err(|error| Failure::request(format!("the body does not unpack: {error}")))?;
    if let Some(found) = bytes.first().copied().filter(|version| *version > app.protocol_max) {
        let words = format!("protocol version {found} is not spoken here, only up to {}", app.protocol_max);
        return Err(Failure::version(words));
    }
    let answer = app.pool.run(move |engine| Ok(engine.respond(&bytes, &allowed)?.pack())).await?;
    Ok(([(header::CONTENT_TYPE, SYNC_MEDIA_TYPE)], answer).into_response())
}

async fn push(
    State(app): State<App>,
    Extension(Allowed(allowed)): Extension<Allowed>,
    push: Result<Json<dto::PushIn>, JsonRejection>,
) -> Result<Json<Received>, Failure> {
    let Json(push) = push.map_err(|rejection| match rejection {
        JsonRejection::BytesRejection(rejection) => body_failure(&rejection),
        JsonRejection::MissingJsonContentType(_) => Failure::media_type("the push door takes application/json"),
        other => Failure::request(other.body_text()),
    })?;
    let parcel = dto::parcel(push)?;
    app.pool.run(move |engine| engine.take(parcel, &allowed)).await.map(Json)
}

#[derive(Deserialize)]
struct Since {
    since: Option<String>,
}

async fn pull(
    State(app): State<App>,
    Extension(Allowed(allowed)): Extension<Allowed>,
    since: Result<Query<Since>, QueryRejection>,
) -> Result<Json<dto::PageOut>, Failure> {
    let Query(Since { since }) = since.map_err(|rejection| Failure::request(rejection.body_text()))?;
    let page = app.pool.run(move |engine| engine.page(since.as_deref(), &allowed)).await?;
    Ok(Json(dto::page(page)))
}
