//! The intercepting HTTPS proxy: clients that know only the vendor's real host names reach a simulated cloud through it.
//!
//! A client sends `CONNECT api.us.junction.com:443` (RFC 9110, section 9.3.6). The proxy answers, ends the TLS of the client
//! with a certificate of its own CA, and hands the connection to a [`HostServer`]. It resolves no name of an answered host.
//! Everything else is refused, or passed on unread.
//!
//! It stands on hyper, rustls and rcgen, which the other servers here use already. The crate hudsucker was considered: it
//! writes failed handshakes to a log only, and why a handshake fails is what this proxy must explain; it also brings a second
//! set of root certificates, a cache and a WebSocket client that nothing here needs.
//!
//! This module knows host names and TLS. It must not know what is answered.

mod ca;
mod event;
mod host_server;
mod passed_host;
mod tunnel;

pub use ca::{CertificateAuthority, CertificateError};
pub use event::{CertificateAlert, ProxyEvent, ProxyEventKind};
pub use host_server::{ByteForwarder, ByteStream, HostServer, RecordedUpstream};
pub use passed_host::PassedHost;

use crate::wire::{Link, Party};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use vouch_spec::profile::{BUILT_IN, Profile};
use vouch_spec::vendor_hosts::{HostPart, VendorHosts};

/// Connections at once. Others wait.
const MAX_CONNECTIONS: usize = 512;
/// How long a client may take to send the head of its request to the proxy.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the connection to a host that is passed on may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait after a failed `accept`, usually because file descriptors ran out.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(5);
/// The port of HTTPS (RFC 9110, section 4.2.2).
const HTTPS_PORT: u16 = 443;
/// Where the proxy itself gives out the certificate of its CA.
pub const CA_PATH: &str = "/ca.pem";

type OnEvent = dyn Fn(ProxyEvent) + Send + Sync;

/// What a proxy is made of.
pub struct InterceptParts {
    pub ca: Arc<CertificateAuthority>,
    /// The profile whose hosts are answered.
    pub profile: Arc<Profile>,
    pub passed: Vec<PassedHost>,
    /// What serves the connections to the vendor's hosts.
    pub server: Arc<dyn HostServer>,
    /// Called for each event, from the task of the connection.
    pub on_event: Arc<OnEvent>,
}

/// A running proxy. Dropping it closes it, with every connection.
pub struct InterceptingProxy {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for InterceptingProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl InterceptingProxy {
    /// Opens the port and serves on the current runtime. Port 0 selects a free port.
    pub async fn start(listen: SocketAddr, parts: InterceptParts) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let hosts = VendorHosts::of(&parts.profile);
        let state = Arc::new(InterceptState { hosts, parts, seen: Mutex::default() });
        Ok(Self { address, server: tokio::spawn(accept(listener, state)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

struct InterceptState {
    hosts: VendorHosts,
    parts: InterceptParts,
    /// The hosts that were answered or passed on at least once. Both sets of names are limited by the configuration, except
    /// for domains; see [`MAX_SEEN`].
    seen: Mutex<HashSet<String>>,
}

/// How many hosts are remembered as seen.
const MAX_SEEN: usize = 1_000;

/// What becomes of a CONNECT.
enum Decision {
    Answer(Link),
    Pass,
    Refuse(String),
}

/// A tunnel that the client asked for, once the connection is its own.
struct Tunnel {
    host: String,
    upgrade: OnUpgrade,
    end: TunnelEnd,
}

enum TunnelEnd {
    Answer(Link),
    Pass(TcpStream),
}

async fn accept(listener: TcpListener, state: Arc<InterceptState>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            continue;
        };
        let state = state.clone();
        connections.spawn(async move {
            let _permit = permit;
            state.serve(stream).await;
        });
    }
}

impl InterceptState {
    /// Serves a client's connection until it ends.
    async fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let socket = stream.as_raw_fd();
        let tunnel = Mutex::new(None);
        let service = service_fn(|request| async { Ok::<_, Infallible>(self.respond(request, &tunnel).await) });
        // An error here is a connection that the client ended early.
        let _ = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
        let Some(Tunnel { host, upgrade, end }) = tunnel.into_inner() else { return };
        let Ok(upgraded) = upgrade.await else { return };
        let stream = TokioIo::new(upgraded);
        match end {
            TunnelEnd::Answer(link) => self.answer(&host, link, stream, socket).await,
            TunnelEnd::Pass(server) => tunnel::pass(stream, server).await,
        }
    }

    async fn respond(&self, mut request: Request<Incoming>, tunnel: &Mutex<Option<Tunnel>>) -> Response<Full<Bytes>> {
        if request.method() != Method::CONNECT {
            return self.respond_without_tunnel(&request);
        }
        let Some(authority) = request.uri().authority().cloned() else {
            return refusal(StatusCode::BAD_REQUEST, "CONNECT needs a host and a port");
        };
        let (host, port) = (authority.host().to_owned(), authority.port_u16().unwrap_or(HTTPS_PORT));
        let end = match self.decide(&host, port) {
            Decision::Answer(link) => TunnelEnd::Answer(link),
            Decision::Refuse(reason) => {
                let response = refusal(StatusCode::FORBIDDEN, &reason);
                self.report(&host, ProxyEventKind::Refused(reason));
                return response;
            }
            Decision::Pass => match tunnel::connect(&host, port, CONNECT_TIMEOUT).await {
                Ok(server) => {
                    self.report_first(&host, ProxyEventKind::Passed);
                    TunnelEnd::Pass(server)
                }
                Err(why) => {
                    let response = refusal(StatusCode::BAD_GATEWAY, &format!("it cannot be reached: {why}"));
                    self.report(&host, ProxyEventKind::Unreachable(why));
                    return response;
                }
            },
        };
        *tunnel.lock() = Some(Tunnel { host, upgrade: hyper::upgrade::on(&mut request), end });
        Response::new(Full::default())
    }

    fn decide(&self, host: &str, port: u16) -> Decision {
        if let Some((realm, part)) = self.hosts.find(host) {
            if port != HTTPS_PORT {
                return Decision::Refuse(format!("the vendor serves port {HTTPS_PORT}, not port {port}"));
            }
            let to = if part == HostPart::Api { Party::Api } else { Party::Auth };
            return Decision::Answer(Link { from: Party::Sdk, to, realm });
        }
        if self.parts.passed.iter().any(|passed| passed.covers(host, port)) {
            return Decision::Pass;
        }
        let built_in = BUILT_IN.iter().filter_map(|name| Profile::built_in(name));
        let other = built_in.into_iter().find(|profile| VendorHosts::of(profile).find(host).is_some());
        Decision::Refuse(match other {
            Some(other) => format!(
                "it belongs to the wire profile {}, and the mock cloud speaks {}",
                other.name, self.parts.profile.name
            ),
            None => "it is not a host of the vendor, and not configured to be passed on".into(),
        })
    }

    /// A request for `http://`, or for the proxy itself.
    fn respond_without_tunnel(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if let Some(host) = request.uri().host() {
            let event = ProxyEvent { host: host.to_owned(), kind: ProxyEventKind::PlainHttp };
            let response = refusal(StatusCode::FORBIDDEN, &event.to_string());
            (self.parts.on_event)(event);
            return response;
        }
        if request.uri().path() == CA_PATH && request.method() == Method::GET {
            let mut response = Response::new(Full::from(self.parts.ca.pem().to_owned()));
            let media_type = HeaderValue::from_static("application/x-pem-file");
            response.headers_mut().insert(CONTENT_TYPE, media_type);
            return response;
        }
        let what =
            format!("this is a proxy: set it as the HTTPS proxy of the client; {CA_PATH} is the certificate of its CA");
        refusal(StatusCode::NOT_FOUND, &what)
    }

    fn report(&self, host: &str, kind: ProxyEventKind) {
        (self.parts.on_event)(ProxyEvent { host: host.to_owned(), kind });
    }

    /// Reports an event of a host that was not seen before.
    fn report_first(&self, host: &str, kind: ProxyEventKind) {
        let mut seen = self.seen.lock();
        let first = seen.len() < MAX_SEEN && seen.insert(host.to_ascii_lowercase());
        drop(seen);
        if first {
            self.report(host, kind);
        }
    }

    fn was_seen(&self, host: &str) -> bool {
        self.seen.lock().contains(&host.to_ascii_lowercase())
    }
}

/// A refusal with its reason, for clients and for people. What is not text in it is left out.
fn refusal(status: StatusCode, reason: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("vouch: {reason}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let Ok(reason) = HeaderValue::from_str(reason) {
        headers.insert(crate::wire::REASON, reason);
    }
    response
}
