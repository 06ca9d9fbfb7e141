//! The recording proxy: a server in front of every party that records exchanges, injects faults and forwards requests.

mod answer;

use super::body::{BodyDelivery, FaultyBody};
use super::cross_origin::{allow_reading, is_cross_origin, is_preflight, preflight_answer};
use super::fault::{FaultEffect, FaultInjector};
use super::transcript::{ExchangeOutcome, Link, Party, Transcript, WireRequest};
use crate::clock::Clock;
use answer::{NoReply, answer};
use async_trait::async_trait;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The largest request body taken, in bytes.
const MAX_BODY: usize = 1 << 20;
/// How long a connection may wait for the head of its next request.
const IDLE_LIMIT: std::time::Duration = std::time::Duration::from_secs(600);

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub struct WireResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The header in which the simulated cloud says why it refuses.
pub const REASON: &str = "x-vouch-reason";

impl WireResponse {
    pub fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        Self::json_text(status, body.to_string())
    }

    /// The same with a body that is written already.
    pub fn json_text(status: StatusCode, body: String) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { status, headers, body: Bytes::from(body) }
    }

    /// A plain text.
    pub fn plain_text(status: StatusCode, body: String) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        Self { status, headers, body: Bytes::from(body) }
    }

    /// The answer in the place of one that Vouch does not pass on, with the reason for clients and for people.
    pub(super) fn not_passed_on(status: StatusCode, reason: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": reason })).reason(reason)
    }

    /// The same with a header that says why the simulated cloud refuses, for the people who read the transcript.
    #[must_use]
    pub fn reason(self, reason: &str) -> Self {
        self.header(REASON, reason)
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// The party behind a proxy address.
#[async_trait]
pub trait Upstream: Send + Sync + 'static {
    /// None ends the connection without an answer.
    async fn answer(&self, link: Link, request: WireRequest) -> Option<WireResponse>;

    /// The link that a request really belongs to, where one address serves several realms.
    fn place(&self, link: Link, _request: &WireRequest) -> Link {
        link
    }
}

type KillHook = dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// The fronts of one case; dropping it closes them all.
pub struct RecordingProxy {
    shared: Arc<ProxyState>,
    servers: Mutex<JoinSet<()>>,
}

struct ProxyState {
    transcript: Transcript,
    faults: FaultInjector,
    clock: Clock,
    kill_hook: Mutex<Option<Arc<KillHook>>>,
    title_case_headers: AtomicBool,
}

impl RecordingProxy {
    pub fn new(transcript: Transcript, faults: FaultInjector, clock: Clock) -> Self {
        let shared = ProxyState {
            transcript,
            faults,
            clock,
            kill_hook: Mutex::default(),
            title_case_headers: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared), servers: Mutex::default() }
    }

    /// Whether answers have header names such as `Content-Type`, from the next connection on. Usually they are in lower case.
    pub fn set_title_case_headers(&self, title_case: bool) {
        self.shared.title_case_headers.store(title_case, Ordering::Relaxed);
    }

    /// Says how to kill the SDK's process; used by [`FaultEffect::Kill`].
    pub fn set_kill_hook(&self, kill_hook: Arc<KillHook>) {
        *self.shared.kill_hook.lock() = Some(kill_hook);
    }

    /// Records a request of an app to its backend that is sent in another way, with its answer: a log-in. None is no answer.
    pub fn record(&self, link: Link, request: WireRequest, reply: Option<WireResponse>) {
        let transcript = &self.shared.transcript;
        let number = transcript.record_aside(link, request);
        let outcome = match reply {
            Some(WireResponse { status, headers, body }) => ExchangeOutcome::Answered { status, headers, body },
            None => ExchangeOutcome::Lost { processed: false },
        };
        transcript.record_outcome(number, outcome);
    }

    /// Opens a loopback address for a link.
    pub async fn open(&self, link: Link, upstream: Arc<dyn Upstream>) -> std::io::Result<SocketAddr> {
        self.open_at((Ipv4Addr::LOCALHOST, 0).into(), link, upstream).await
    }

    /// Passes a call on without a connection, and records it. None is no answer.
    pub async fn forward(&self, link: Link, upstream: &dyn Upstream, request: WireRequest) -> Option<WireResponse> {
        let link = upstream.place(link, &request);
        let transcript = &self.shared.transcript;
        let (number, _) = transcript.record_request(link, request.clone());
        let reply = upstream.answer(link, request).await;
        transcript.record_outcome(
            number,
            match &reply {
                Some(WireResponse { status, headers, body }) => {
                    ExchangeOutcome::Answered { status: *status, headers: headers.clone(), body: body.clone() }
                }
                None => ExchangeOutcome::Lost { processed: false },
            },
        );
        reply
    }

    /// The same with a kind. Harms of connections and processes have no meaning here and do nothing.
    pub async fn forward_with_fault(
        &self,
        link: Link,
        upstream: &dyn Upstream,
        request: WireRequest,
        kind: &FaultEffect,
    ) -> Option<WireResponse> {
        let transcript = &self.shared.transcript;
        let (number, _) = transcript.record_request(link, request.clone());
        transcript.record_fault(number, "as the walk wants it".into());
        let releases = self.shared.faults.releases();
        let result = answer(link, &self.shared, upstream, request, Some(kind.clone()), releases).await;
        let (reply, outcome) = match result {
            Ok(reply) => {
                let (status, headers, body) = (reply.status, reply.headers.clone(), reply.body.clone());
                (Some(reply), ExchangeOutcome::Answered { status, headers, body })
            }
            Err(NoReply { processed }) => (None, ExchangeOutcome::Lost { processed }),
        };
        transcript.record_outcome(number, outcome);
        reply
    }

    /// Serves a connection that another server accepted for a link, such as the decrypted side of a TLS connection, until it
    /// ends. `socket` is the TCP socket below it.
    pub async fn serve_connection(
        &self,
        link: Link,
        upstream: Arc<dyn Upstream>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        socket: RawFd,
    ) {
        serve_connection(link, self.shared.clone(), upstream, stream, socket).await;
    }

    /// Opens a given address for a link.
    pub async fn open_at(
        &self,
        address: SocketAddr,
        link: Link,
        upstream: Arc<dyn Upstream>,
    ) -> std::io::Result<SocketAddr> {
        let listener = bind(address).await?;
        let address = listener.local_addr()?;
        let shared = self.shared.clone();
        let server = accept(listener, link, shared, upstream);
        self.servers.lock().spawn(server);
        Ok(address)
    }
}

/// Binds; a given port may still be in the hands of the case before, which ends while this one begins.
async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    for _ in 0..BIND_ATTEMPTS {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && address.port() != 0 => {
                tokio::time::sleep(BIND_RETRY_DELAY).await;
            }
            other => return other,
        }
    }
    TcpListener::bind(address).await
}

const BIND_ATTEMPTS: u32 = 200;
const BIND_RETRY_DELAY: std::time::Duration = std::time::Duration::from_millis(10);

async fn accept(listener: TcpListener, link: Link, shared: Arc<ProxyState>, upstream: Arc<dyn Upstream>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of file descriptors, most likely: wait for some to be closed.
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let socket = stream.as_raw_fd();
                connections.spawn(serve_connection(link, shared.clone(), upstream.clone(), stream, socket));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve_connection(
    link: Link,
    shared: Arc<ProxyState>,
    upstream: Arc<dyn Upstream>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    socket: RawFd,
) {
    let service = service_fn(|request| serve(link, &shared, &*upstream, request, socket));
    // An error here is a connection that ended early, which the transcript has already.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_LIMIT)
        .title_case_headers(shared.title_case_headers.load(Ordering::Relaxed))
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Has the end of a connection be a reset.
pub(crate) fn reset(socket: RawFd) {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    let size = libc::socklen_t::try_from(size_of::<libc::linger>()).unwrap_or(0);
    // SAFETY: a plain system call; the socket is open as long as its connection is being served.
    unsafe {
        libc::setsockopt(socket, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const at_once).cast(), size);
    }
}

/// Ends the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut on purpose")]
struct ConnectionCut;

async fn serve(
    link: Link,
    shared: &ProxyState,
    upstream: &dyn Upstream,
    request: Request<Incoming>,
    socket: RawFd,
) -> Result<Response<FaultyBody>, ConnectionCut> {
    let (head, body) = request.into_parts();
    let (body, too_long) = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => (body.to_bytes(), false),
        Err(error) if error.is::<LengthLimitError>() => (Bytes::new(), true),
        Err(_) => return Err(ConnectionCut),
    };
    let path = head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let received = WireRequest { method: head.method, path, headers: head.headers, body };
    let link = upstream.place(link, &received);
    shared.clock.record_activity();
    // The harness's own client tests how a cloud itself answers.
    let of_sdk = link.from == Party::Sdk;
    if of_sdk && is_preflight(&received.method, &received.headers, &received.body) {
        // Faults, and a network that is down, strike the request that it asks for.
        let mut reply = preflight_answer(&received);
        // As without a preflight: a browser repeats a request by itself on a connection that was kept open and breaks.
        reply.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        shared.transcript.record_preflight(received);
        return Ok(response(reply, BodyDelivery::Whole));
    }
    let of_page = of_sdk && is_cross_origin(&received.headers);
    // Before the scenario can see the arrival: a release that answers to it must count.
    let releases = shared.faults.releases();
    let (number, operation) = shared.transcript.record_request(link, received.clone());
    let on_device = matches!(link.from, Party::Sdk | Party::App);
    if on_device && !shared.faults.network_is_up() {
        shared.transcript.record_outcome(number, ExchangeOutcome::NoNetwork);
        return Err(ConnectionCut);
    }
    let kind = shared.faults.take_matching(operation).map(|rule| {
        shared.transcript.record_fault(number, rule.description);
        rule.effect
    });
    let mut guard = AbandonGuard { transcript: &shared.transcript, number, done: false };
    let delivery = match &kind {
        Some(FaultEffect::Drip) => BodyDelivery::Drip,
        Some(FaultEffect::EndlessDrip) => BodyDelivery::EndlessDrip,
        Some(FaultEffect::Stall) => BodyDelivery::StallHalfway,
        Some(FaultEffect::BreakOff) => BodyDelivery::CutHalfway,
        _ => BodyDelivery::Whole,
    };
    let reset_connection = matches!(kind, Some(FaultEffect::Reset(_)));
    let result =
        if too_long { Ok(too_long_request()) } else { answer(link, shared, upstream, received, kind, releases).await };
    guard.done = true;
    shared.clock.record_activity();
    match result {
        Ok(mut reply) => {
            let (status, headers, body) = (reply.status, reply.headers.clone(), reply.body.clone());
            shared.transcript.record_outcome(number, ExchangeOutcome::Answered { status, headers, body });
            if of_page {
                allow_reading(&mut reply.headers);
            }
            if delivery == BodyDelivery::EndlessDrip {
                reply.headers.remove(CONTENT_LENGTH);
            }
            Ok(response(reply, delivery))
        }
        Err(NoReply { processed }) => {
            if reset_connection {
                reset(socket);
            }
            shared.transcript.record_outcome(number, ExchangeOutcome::Lost { processed });
            Err(ConnectionCut)
        }
    }
}

fn response(reply: WireResponse, delivery: BodyDelivery) -> Response<FaultyBody> {
    let mut response = Response::new(FaultyBody::new(reply.body, delivery));
    (*response.status_mut(), *response.headers_mut()) = (reply.status, reply.headers);
    response
}

/// The answer to a request whose body Vouch does not take. The transcript has it without the body.
fn too_long_request() -> WireResponse {
    let why = format!("the body of the request is longer than {MAX_BODY} bytes, which is more than Vouch takes");
    WireResponse::not_passed_on(StatusCode::PAYLOAD_TOO_LARGE, &why)
}

/// Notes in the transcript when the caller goes away before its answer: hyper then drops the work.
struct AbandonGuard<'a> {
    transcript: &'a Transcript,
    number: usize,
    done: bool,
}

impl Drop for AbandonGuard<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.transcript.record_outcome(self.number, ExchangeOutcome::Abandoned);
        }
    }
}

enum ConnectionFault {
    Lose,
    Hold { releases: u64 },
    Kill,
}

impl ProxyState {
    async fn apply_fault(&self, fault: ConnectionFault) -> Result<(), ConnectionCut> {
        match fault {
            ConnectionFault::Lose => Err(ConnectionCut),
            ConnectionFault::Hold { releases } => {
                self.faults.held(releases).await;
                Ok(())
            }
            ConnectionFault::Kill => {
                let kill_hook = self.kill_hook.lock().clone();
                if let Some(kill_hook) = kill_hook {
                    kill_hook().await;
                }
                Err(ConnectionCut)
            }
        }
    }
}
