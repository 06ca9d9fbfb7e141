//! The mock cloud as a server, for load tests: no recording, no injected faults, and no state that grows with the calls. Only
//! what comes through the intercepting proxy, for manual tests, is recorded, and can be struck by faults.
//!
//! One thread accepts connections and distributes them in turn. Each worker thread reads, answers and writes its own
//! connections. A signing pool makes slow signatures, so that no connection waits for the signature of another.
//!
//! This module handles connections. The [`MockCloud`] decides what is answered.

mod connection;
mod control;
mod counters;
mod ctl;
mod latency_injection;
mod proxy;
mod route;
mod signing_pool;
mod target;
mod tls;

pub use control::{CONTROL_HEADER, CONTROL_KEY, CONTROL_URL};
pub use counters::ServerSummary;
pub use ctl::{CTL_WORD, CtlCommand, UserQuery};
pub use latency_injection::{LatencyInjection, Stall};
pub use proxy::ProxyConfig;
pub use tls::Tls;

use crate::clock::{Clock, ClockMode};
use crate::mock_cloud::{
    CloudBehaviour, CloudParts, CloudPolicy, DefaultCloudPolicy, Keys, Lifetimes, MockCloud, RefreshTokenFormat,
};
use crate::wire::Exchange;
use crate::wire::redact::Redactor;
use connection::ServerState;
use proxy::Recording;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use vouch_spec::profile::Profile;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;
/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Delay before the next `accept` after a failed one, usually because file descriptors ran out.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(5);

/// The configuration of a server.
pub struct ServerConfig {
    /// Port 0 selects a free port.
    pub listen: SocketAddr,
    pub profile: Arc<Profile>,
    pub keys: Arc<Keys>,
    /// The policy of a cloud mutant, if one is served.
    pub fault: Option<Arc<dyn CloudPolicy>>,
    pub lifetimes: Lifetimes,
    /// Threads that serve connections, and as many again that sign what takes long. At least one.
    pub threads: usize,
    pub latency: LatencyInjection,
    pub tls: Option<Tls>,
    /// The intercepting proxy, if one is served.
    pub proxy: Option<ProxyConfig>,
}

/// An address cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}")]
pub struct StartError {
    pub address: SocketAddr,
    pub error: io::Error,
}

/// A running server. It runs until the process ends.
pub struct MockCloudServer {
    address: SocketAddr,
    /// Where the intercepting proxy listens.
    proxy: Option<SocketAddr>,
    shared: Arc<ServerState>,
    secure: bool,
    profile: Arc<Profile>,
    lifetimes: Lifetimes,
}

impl MockCloudServer {
    /// Opens the port and starts to serve. Fails if the port or a thread is not available.
    pub fn start(settings: ServerConfig) -> Result<Self, StartError> {
        let failed_at = |address| move |error| StartError { address, error };
        let ServerConfig { listen, profile, keys, fault, lifetimes, threads, latency, tls, proxy } = settings;
        let failed = failed_at(listen);
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(failed)?;
        let listener = runtime.block_on(async { bind(listen) }).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let truthful = fault.is_none();
        let clock = Clock::new(ClockMode::Real);
        let recording = proxy.as_ref().map(|of| Recording::new(clock.clone(), profile.clone(), of.kept_exchanges));
        let cloud = MockCloud::new(CloudParts {
            keys: keys.clone(),
            clock,
            redactor: Redactor::closed(),
            behaviour: CloudBehaviour {
                refresh_tokens: RefreshTokenFormat::NeedsEscaping,
                ..CloudBehaviour::default()
            },
            profile: profile.clone().into(),
            policy: fault.unwrap_or_else(|| Arc::new(DefaultCloudPolicy)),
        });
        let cloud = if truthful { cloud.with_response_templates() } else { cloud };
        cloud.set_lifetimes(lifetimes);
        let secure = tls.is_some();
        let shared = Arc::new(ServerState::new(cloud, &keys, threads, latency, recording).map_err(failed)?);
        let proxy = match (proxy, &shared.recording) {
            (Some(config), Some(recording)) => {
                let failed = failed_at(config.listen);
                Some(proxy::start(config, recording, &shared, profile.clone()).map_err(failed)?)
            }
            _ => None,
        };
        let acceptor = tls.map(|tls| tls.acceptor);
        let mut workers = Vec::new();
        for number in 0..threads.max(1) {
            let (sender, receiver) = unbounded_channel();
            let (shared, acceptor) = (shared.clone(), acceptor.clone());
            let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(failed)?;
            let work = move || runtime.block_on(run_worker(receiver, &shared, acceptor.as_ref()));
            thread::Builder::new().name(format!("serve-{number}")).spawn(work).map_err(failed)?;
            workers.push(sender);
        }
        let work = move || accept(&runtime, &listener, &workers);
        thread::Builder::new().name("accept".into()).spawn(work).map_err(failed)?;
        Ok(Self { address, proxy, shared, secure, profile, lifetimes })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The intercepting proxy, as a client on this machine reaches it.
    pub fn proxy_address(&self) -> Option<SocketAddr> {
        self.proxy.map(target::from_this_machine)
    }

    /// The exchanges that came through the proxy and are kept.
    pub fn recorded(&self) -> Vec<Exchange> {
        self.shared.recording.as_ref().map(|recording| recording.transcript.since(0)).unwrap_or_default()
    }

    /// What was served so far, and at what cost.
    pub fn summary(&self) -> ServerSummary {
        self.shared.summary()
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Distributes connections to the workers in turn. The kernel's distribution (`SO_REUSEPORT`) gives some threads twice as
/// many connections as others.
fn accept(runtime: &Runtime, listener: &TcpListener, workers: &[UnboundedSender<std::net::TcpStream>]) {
    runtime.block_on(async {
        for worker in workers.iter().cycle() {
            let stream = loop {
                match listener.accept().await.and_then(|(stream, _)| stream.into_std()) {
                    Ok(stream) => break stream,
                    Err(_) => tokio::time::sleep(ACCEPT_RETRY_DELAY).await,
                }
            };
            // A worker lives as long as the process.
            let _ = worker.send(stream);
        }
    });
}

async fn run_worker(
    mut connections: UnboundedReceiver<std::net::TcpStream>,
    shared: &Arc<ServerState>,
    acceptor: Option<&tokio_rustls::TlsAcceptor>,
) {
    while let Some(stream) = connections.recv().await {
        let Ok(stream) = TcpStream::from_std(stream) else { continue };
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        match acceptor.cloned() {
            None => tokio::spawn(connection::serve(stream, shared)),
            Some(acceptor) => tokio::spawn(async move {
                // The client reports a failed handshake.
                if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                    connection::serve(stream, shared).await;
                }
            }),
        };
    }
}
