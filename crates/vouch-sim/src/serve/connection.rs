//! One connection: HTTP/1.1, or HTTP/2 by ALPN or by its preface.

use super::control::Control;
use super::counters::{Counters, Kind, Summary};
use super::latency_injection::LatencyInjection;
use super::route::route;
use super::signing_pool::Signers;
use crate::mock_cloud::{Keys, MockCloud};
use crate::wire::{Link, Party, Received, Reply, Upstream};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::json;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// The largest request body taken, in bytes.
const MAX_BODY: usize = 1 << 20;
/// Where the identity provider publishes its key. Source: RFC 7517 section 5, RFC 8615.
const JWKS: &str = "/.well-known/jwks.json";

/// What all connections share.
pub(super) struct Shared {
    pub cloud: MockCloud,
    pub control: Control,
    /// For calls of `slow_kinds`. Elsewhere handing a call over would cost more than its signature.
    signers: Signers,
    slow_kinds: Vec<Kind>,
    pace: LatencyInjection,
    tally: Counters,
    jwks: Bytes,
}

impl Shared {
    pub fn new(cloud: MockCloud, keys: &Keys, threads: usize, pace: LatencyInjection) -> io::Result<Self> {
        let signers = Signers::start(&cloud, threads)?;
        let slow = [(Kind::Auth, keys.access_is_slow()), (Kind::Issuance, keys.sign_in_is_slow())];
        let slow_kinds = slow.into_iter().filter(|(_, slow)| *slow).map(|(kind, _)| kind).collect();
        let jwks = Bytes::from(keys.jwks().to_string());
        Ok(Self { cloud, control: Control::new(), signers, slow_kinds, pace, tally: Counters::default(), jwks })
    }

    pub fn summary(&self) -> Summary {
        self.tally.summary(self.cloud.granted())
    }

    async fn answer(&self, request: Received) -> Reply {
        let Some((link, rest)) = route(&request.path) else {
            return match request.path.strip_prefix("/control/") {
                Some(word) => self.control.answer(&self.cloud, word, &request),
                None if request.path == "/healthz" => Reply::json(StatusCode::OK, &json!({ "status": "ok" })),
                None => Reply::json(
                    StatusCode::NOT_FOUND,
                    &json!({ "detail": "no such place: paths begin with /ENVIRONMENT/REGION/api or /auth" }),
                ),
            };
        };
        let path = rest.to_owned();
        let reply = self.answer_of_cloud(link, Received { path, ..request }).await;
        self.pace.hold(link.to == Party::Auth).await;
        reply
    }

    async fn answer_of_cloud(&self, link: Link, request: Received) -> Reply {
        let kind = Kind::of(link.to, &request);
        if link.to == Party::Auth && request.path == JWKS && request.method == Method::GET {
            let reply = Reply { status: StatusCode::OK, headers: hyper::HeaderMap::new(), body: self.jwks.clone() };
            return reply.header("content-type", "application/json");
        }
        let link = self.cloud.place(link, &request);
        let reply = if self.slow_kinds.contains(&kind) {
            self.signers.answer(link, request).await
        } else {
            self.cloud.answer_now(link, &request)
        };
        self.tally.note(kind, reply.status);
        reply
    }
}

/// Serves a connection until it ends.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: Arc<Shared>) {
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { respond(&shared, request).await }
    });
    // An error here is a connection that ended early: the caller's business.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(shared: &Shared, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    shared.pace.begin();
    let (head, body) = request.into_parts();
    let body = if body.is_end_stream() {
        Bytes::new()
    } else {
        match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return Ok(unreadable(&*error)),
        }
    };
    let path = head.uri.path_and_query().map_or_else(|| "/".to_owned(), |path| path.as_str().to_owned());
    let reply = shared.answer(Received { method: head.method, path, headers: head.headers, body }).await;
    let mut response = Response::new(Full::new(reply.body));
    (*response.status_mut(), *response.headers_mut()) = (reply.status, reply.headers);
    Ok(response)
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> Response<Full<Bytes>> {
    let too_long = error.is::<http_body_util::LengthLimitError>();
    let mut response = Response::new(Full::default());
    *response.status_mut() = if too_long { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
    response
}
