//! The servers that stand before every party: they record, strike faults, and hand on.

use super::body::{Manner, Sent};
use super::fault::{FaultEffect, FaultPoint, Faults};
use super::transcript::{ExchangeOutcome, Link, Party, Received, Transcript};
use crate::clock::Clock;
use async_trait::async_trait;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The largest request body taken, in bytes.
const MAX_BODY: usize = 1 << 20;

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        Self::json_text(status, body.to_string())
    }

    /// The same with a body that is written already.
    pub fn json_text(status: StatusCode, body: String) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { status, headers, body: Bytes::from(body) }
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// Who does the work behind a front.
#[async_trait]
pub trait Upstream: Send + Sync + 'static {
    /// None ends the connection without an answer.
    async fn answer(&self, link: Link, request: Received) -> Option<Reply>;

    /// The link that a request really belongs to, where one address serves several realms.
    fn place(&self, link: Link, _request: &Received) -> Link {
        link
    }
}

type Killer = dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// The fronts of one case; dropping it closes them all.
pub struct RecordingProxy {
    shared: Arc<Shared>,
    servers: Mutex<JoinSet<()>>,
}

struct Shared {
    transcript: Transcript,
    faults: Faults,
    clock: Clock,
    killer: Mutex<Option<Arc<Killer>>>,
}

impl RecordingProxy {
    pub fn new(transcript: Transcript, faults: Faults, clock: Clock) -> Self {
        let shared = Shared { transcript, faults, clock, killer: Mutex::default() };
        Self { shared: Arc::new(shared), servers: Mutex::default() }
    }

    /// Says how to kill the SDK's process; used by [`FaultEffect::Kill`].
    pub fn set_killer(&self, killer: Arc<Killer>) {
        *self.shared.killer.lock() = Some(killer);
    }

    /// Opens a loopback address for a link.
    pub async fn open(&self, link: Link, upstream: Arc<dyn Upstream>) -> std::io::Result<SocketAddr> {
        self.open_at((Ipv4Addr::LOCALHOST, 0).into(), link, upstream).await
    }

    /// Passes a call on without a connection, and records it. None is no answer.
    pub async fn pass(&self, link: Link, upstream: &dyn Upstream, request: Received) -> Option<Reply> {
        let link = upstream.place(link, &request);
        let transcript = &self.shared.transcript;
        let (number, _) = transcript.arrive(link, request.clone());
        let reply = upstream.answer(link, request).await;
        transcript.resolve(
            number,
            match &reply {
                Some(Reply { status, headers, body }) => {
                    ExchangeOutcome::Answered { status: *status, headers: headers.clone(), body: body.clone() }
                }
                None => ExchangeOutcome::Lost { processed: false },
            },
        );
        reply
    }

    /// The same with a kind. Harms of connections and processes have no meaning here and do nothing.
    pub async fn pass_struck(
        &self,
        link: Link,
        upstream: &dyn Upstream,
        request: Received,
        kind: &FaultEffect,
    ) -> Option<Reply> {
        let transcript = &self.shared.transcript;
        let (number, _) = transcript.arrive(link, request.clone());
        transcript.struck(number, "as the walk wants it".into());
        let releases = self.shared.faults.releases();
        let result = answer(link, &self.shared, upstream, request, Some(kind.clone()), releases).await;
        let (reply, fate) = match result {
            Ok(reply) => {
                let (status, headers, body) = (reply.status, reply.headers.clone(), reply.body.clone());
                (Some(reply), ExchangeOutcome::Answered { status, headers, body })
            }
            Err(Lost { processed }) => (None, ExchangeOutcome::Lost { processed }),
        };
        transcript.resolve(number, fate);
        reply
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
    for _ in 0..TRIES {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && address.port() != 0 => {
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            other => return other,
        }
    }
    TcpListener::bind(address).await
}

const TRIES: u32 = 200;
const BETWEEN_TRIES: std::time::Duration = std::time::Duration::from_millis(10);

async fn accept(listener: TcpListener, link: Link, shared: Arc<Shared>, upstream: Arc<dyn Upstream>) {
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
                let (shared, upstream) = (shared.clone(), upstream.clone());
                let socket = stream.as_raw_fd();
                connections.spawn(async move {
                    let service = service_fn(|request| serve(link, &shared, &*upstream, request, socket));
                    // An error here is a connection that ended early, which the transcript has already.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// Has the end of a connection be a reset.
fn reset(socket: RawFd) {
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
struct Cut;

async fn serve(
    link: Link,
    shared: &Shared,
    upstream: &dyn Upstream,
    request: Request<Incoming>,
    socket: RawFd,
) -> Result<Response<Sent>, Cut> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|_| Cut)?.to_bytes();
    let path = head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let received = Received { method: head.method, path, headers: head.headers, body };
    let link = upstream.place(link, &received);
    shared.clock.touch();
    // Before the scenario can see the arrival: a release that answers to it must count.
    let releases = shared.faults.releases();
    let (number, operation) = shared.transcript.arrive(link, received.clone());
    let on_device = matches!(link.from, Party::Sdk | Party::App);
    if on_device && !shared.faults.network_is_up() {
        shared.transcript.resolve(number, ExchangeOutcome::NoNetwork);
        return Err(Cut);
    }
    let kind = shared.faults.strike(operation).map(|rule| {
        shared.transcript.struck(number, rule.words);
        rule.effect
    });
    let mut waiting = Waiting { transcript: &shared.transcript, number, over: false };
    let manner = match &kind {
        Some(FaultEffect::Drip) => Manner::Drip,
        Some(FaultEffect::BreakOff) => Manner::BreakOff,
        _ => Manner::Whole,
    };
    let resets = matches!(kind, Some(FaultEffect::Reset(_)));
    let result = answer(link, shared, upstream, received, kind, releases).await;
    waiting.over = true;
    shared.clock.touch();
    match result {
        Ok(reply) => {
            let (status, headers, body) = (reply.status, reply.headers.clone(), reply.body.clone());
            shared.transcript.resolve(number, ExchangeOutcome::Answered { status, headers, body });
            let mut response = Response::new(Sent::new(reply.body, manner));
            *response.status_mut() = reply.status;
            *response.headers_mut() = reply.headers;
            Ok(response)
        }
        Err(Lost { processed }) => {
            if resets {
                reset(socket);
            }
            shared.transcript.resolve(number, ExchangeOutcome::Lost { processed });
            Err(Cut)
        }
    }
}

struct Lost {
    processed: bool,
}

/// Notes in the transcript when the caller goes away before its answer: hyper then drops the work.
struct Waiting<'a> {
    transcript: &'a Transcript,
    number: usize,
    over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.transcript.resolve(self.number, ExchangeOutcome::Abandoned);
        }
    }
}

async fn answer(
    link: Link,
    shared: &Shared,
    upstream: &dyn Upstream,
    request: Received,
    kind: Option<FaultEffect>,
    releases: u64,
) -> Result<Reply, Lost> {
    let harm_at = |moment| match &kind {
        Some(FaultEffect::Lose(at) | FaultEffect::Reset(at)) if *at == moment => Some(Strike::Lose),
        Some(FaultEffect::Hold(at)) if *at == moment => Some(Strike::Hold { releases }),
        Some(FaultEffect::Kill(at)) if *at == moment => Some(Strike::Kill),
        _ => None,
    };
    if let Some(strike) = harm_at(FaultPoint::Request) {
        shared.suffer(strike).await.map_err(|Cut| Lost { processed: false })?;
    }
    if let Some(FaultEffect::Answer { status, retry_after_s, content_type, body }) = &kind {
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = Reply { status, headers: HeaderMap::new(), body: body.clone() };
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(seconds) = retry_after_s {
            reply.headers.insert(RETRY_AFTER, HeaderValue::from(*seconds));
        }
        return Ok(reply);
    }
    if let Some(FaultEffect::Delay(by)) = &kind {
        tokio::time::sleep(*by).await;
    }
    let again = matches!(kind, Some(FaultEffect::Twice)).then(|| request.clone());
    let mut reply = upstream.answer(link, request).await.ok_or(Lost { processed: false })?;
    if let Some(again) = again {
        upstream.answer(link, again).await;
    }
    if let Some(strike) = harm_at(FaultPoint::Response) {
        shared.suffer(strike).await.map_err(|Cut| Lost { processed: true })?;
    }
    match kind {
        Some(FaultEffect::Body { content_type, body }) => {
            reply.status = StatusCode::OK;
            reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            reply.body = body;
        }
        Some(FaultEffect::ContentType(content_type)) => {
            reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        Some(FaultEffect::Truncate) => {
            // A whole message by its length, half a document by its content.
            reply.body = reply.body.slice(..reply.body.len() / 2);
            reply.headers.remove(CONTENT_LENGTH);
        }
        _ => {}
    }
    Ok(reply)
}

enum Strike {
    Lose,
    Hold { releases: u64 },
    Kill,
}

impl Shared {
    async fn suffer(&self, strike: Strike) -> Result<(), Cut> {
        match strike {
            Strike::Lose => Err(Cut),
            Strike::Hold { releases } => {
                self.faults.held(releases).await;
                Ok(())
            }
            Strike::Kill => {
                let killer = self.killer.lock().clone();
                if let Some(killer) = killer {
                    killer().await;
                }
                Err(Cut)
            }
        }
    }
}
