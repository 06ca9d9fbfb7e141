//! One connection: HTTP/1.1, or HTTP/2 by ALPN or by its preface.

use super::control::ControlEndpoint;
use super::counters::{CallKind, Counters, ServerSummary};
use super::latency_injection::LatencyInjection;
use super::proxy::Recording;
use super::route::route;
use super::signing_pool::SigningPool;
use crate::mock_cloud::{Keys, MockCloud};
use crate::wire::{
    Link, Party, Upstream, WireRequest, WireResponse, allow_reading, is_cross_origin, is_preflight, preflight_answer,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

/// The largest request body taken, in bytes.
const MAX_BODY: usize = 1 << 20;
/// The bytes of request bodies that are read at once, over all connections. Other requests wait.
const MAX_BODIES: usize = 64 << 20;
/// How long reading a body may take, the wait for its turn included.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may take to send the next request's headers. Idle connections of a slow load are kept for as long.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// The most bytes of headers that HTTP/1.1 holds for one connection, and those of one request over HTTP/2.
const MAX_HEADERS: usize = 64 << 10;
const MAX_HEADER_LIST: u32 = 64 << 10;
/// Requests at once on one connection of HTTP/2.
const MAX_STREAMS: u32 = 1_000;
/// Where the identity provider publishes its key. Source: RFC 7517 section 5, RFC 8615.
const JWKS: &str = "/.well-known/jwks.json";

/// The state that all connections share.
pub(super) struct ServerState {
    pub cloud: MockCloud,
    pub control: ControlEndpoint,
    /// Answers the calls of `slow_kinds`. For other calls the hand-over costs more than the signature.
    signing_pool: SigningPool,
    slow_kinds: Vec<CallKind>,
    latency: LatencyInjection,
    counters: Counters,
    jwks: Bytes,
    /// Room for request bodies, in bytes.
    body_room: Semaphore,
    /// With a proxy: what is recorded of its traffic.
    pub recording: Option<Recording>,
}

impl ServerState {
    pub fn new(
        cloud: MockCloud,
        keys: &Keys,
        threads: usize,
        latency: LatencyInjection,
        recording: Option<Recording>,
    ) -> io::Result<Self> {
        let signing_pool = SigningPool::start(&cloud, threads)?;
        let slow = [(CallKind::Auth, keys.access_is_slow()), (CallKind::Issuance, keys.sign_in_is_slow())];
        let slow_kinds = slow.into_iter().filter(|(_, slow)| *slow).map(|(kind, _)| kind).collect();
        let jwks = Bytes::from(keys.jwks().to_string());
        Ok(Self {
            cloud,
            control: ControlEndpoint::new(),
            signing_pool,
            slow_kinds,
            latency,
            counters: Counters::default(),
            jwks,
            body_room: Semaphore::new(MAX_BODIES),
            recording,
        })
    }

    pub fn summary(&self) -> ServerSummary {
        self.counters.summary(self.cloud.granted())
    }

    async fn answer(&self, request: WireRequest) -> WireResponse {
        let Some((link, rest)) = route(&request.path) else {
            return match request.path.strip_prefix("/control/") {
                Some(word) => self.control.answer(&self.cloud, self.recording.as_ref(), word, &request),
                None if request.path == "/healthz" => WireResponse::json(StatusCode::OK, &json!({ "status": "ok" })),
                None => WireResponse::json(
                    StatusCode::NOT_FOUND,
                    &json!({ "detail": "not found: paths begin with /ENVIRONMENT/REGION/api or /ENVIRONMENT/REGION/auth" }),
                ),
            };
        };
        if is_preflight(&request.method, &request.headers, &request.body) {
            return preflight_answer(&request);
        }
        let (path, of_page) = (rest.to_owned(), is_cross_origin(&request.headers));
        let mut reply = self.delayed_answer(link, WireRequest { path, ..request }).await;
        if of_page {
            allow_reading(&mut reply.headers);
        }
        reply
    }

    /// The answer to a request that came over another port, on a link.
    pub async fn answer_on(&self, link: Link, request: WireRequest) -> WireResponse {
        self.latency.begin();
        self.delayed_answer(link, request).await
    }

    async fn delayed_answer(&self, link: Link, request: WireRequest) -> WireResponse {
        let reply = self.respond_from_cloud(link, request).await;
        self.latency.delay_response(link.to == Party::Auth).await;
        reply
    }

    async fn respond_from_cloud(&self, link: Link, request: WireRequest) -> WireResponse {
        let kind = CallKind::of(link.to, &request);
        if link.to == Party::Auth && request.path == JWKS && request.method == Method::GET {
            let reply =
                WireResponse { status: StatusCode::OK, headers: hyper::HeaderMap::new(), body: self.jwks.clone() };
            return reply.header("content-type", "application/json");
        }
        let link = self.cloud.place(link, &request);
        let reply = if self.slow_kinds.contains(&kind) {
            self.signing_pool.answer(link, request).await
        } else {
            self.cloud.answer_now(link, &request)
        };
        self.counters.record(kind, reply.status);
        reply
    }
}

/// Serves a connection until it ends.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: Arc<ServerState>) {
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { respond(&shared, request).await }
    });
    // An error here is a connection that the client ended early.
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(MAX_HEADERS);
    server.http2().timer(TokioTimer::new()).max_header_list_size(MAX_HEADER_LIST).max_concurrent_streams(MAX_STREAMS);
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(shared: &ServerState, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    shared.latency.begin();
    let (head, body) = request.into_parts();
    let body = if body.is_end_stream() {
        Bytes::new()
    } else {
        match tokio::time::timeout(BODY_TIMEOUT, read_body(shared, body)).await {
            Ok(Ok(body)) => body,
            Ok(Err(error)) => return Ok(unreadable(&*error)),
            Err(_) => return Ok(empty(StatusCode::REQUEST_TIMEOUT)),
        }
    };
    let path = head.uri.path_and_query().map_or_else(|| "/".to_owned(), |path| path.as_str().to_owned());
    let reply = shared.answer(WireRequest { method: head.method, path, headers: head.headers, body }).await;
    let mut response = Response::new(Full::new(reply.body));
    (*response.status_mut(), *response.headers_mut()) = (reply.status, reply.headers);
    Ok(response)
}

/// Reads a body when there is room for it.
async fn read_body(shared: &ServerState, body: Incoming) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let length = body.size_hint().upper().and_then(|length| usize::try_from(length).ok()).unwrap_or(MAX_BODY);
    let room = u32::try_from(length.min(MAX_BODY)).unwrap_or(u32::MAX);
    let _room = shared.body_room.acquire_many(room).await?;
    Ok(Limited::new(body, MAX_BODY).collect().await?.to_bytes())
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> Response<Full<Bytes>> {
    let too_long = error.is::<http_body_util::LengthLimitError>();
    empty(if too_long { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST })
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
