//! The simulated cloud as a server of its own, for load tests: no recorder, no faults, nothing that grows with the calls.
//!
//! One thread accepts and hands connections out in turn; each of the others reads, answers and writes its own. Signatures
//! that take long are made by threads apart, so that no connection waits for another's.
//!
//! It knows how calls arrive and leave. What is answered, the [`MockCloud`] decides.

mod connection;
mod control;
mod counters;
mod latency_injection;
mod route;
mod signing_pool;
mod target;
mod tls;

pub use control::{CONTROL_HEADER, CONTROL_KEY, CONTROL_URL};
pub use counters::Summary;
pub use latency_injection::{LatencyInjection, Stall};
pub use tls::{CannotCertify, Tls};

use crate::clock::{Clock, Mode};
use crate::mock_cloud::{
    Behaviour, CloudParts, CloudPolicy, DefaultCloudPolicy, Keys, Lifetimes, MockCloud, RefreshTokens,
};
use crate::wire::redact::Redactor;
use connection::Shared;
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
/// Pause when no connection can be taken, most likely for want of file descriptors.
const BREATH: Duration = Duration::from_millis(5);

/// What a server is made of.
pub struct Settings {
    /// Port 0 is any that is free.
    pub listen: SocketAddr,
    pub profile: Arc<Profile>,
    pub keys: Arc<Keys>,
    /// Where the cloud decides wrongly on purpose.
    pub fault: Option<Arc<dyn CloudPolicy>>,
    pub lifetimes: Lifetimes,
    /// Threads that serve connections, and as many again that sign what takes long. At least one.
    pub threads: usize,
    pub pace: LatencyInjection,
    pub tls: Option<Tls>,
}

/// A running server. It runs until the process ends.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    secure: bool,
    profile: Arc<Profile>,
    lifetimes: Lifetimes,
}

impl Server {
    /// Opens the port and begins to serve. Fails where the port or a thread cannot be had.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let Settings { listen, profile, keys, fault, lifetimes, threads, pace, tls } = settings;
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let listener = runtime.block_on(async { bind(listen) })?;
        let address = listener.local_addr()?;
        let truthful = fault.is_none();
        let cloud = MockCloud::new(CloudParts {
            keys: keys.clone(),
            clock: Clock::new(Mode::Real),
            redactor: Redactor::closed(),
            behaviour: Behaviour { refresh_tokens: RefreshTokens::Awkward, ..Behaviour::default() },
            profile: profile.clone(),
            policy: fault.unwrap_or_else(|| Arc::new(DefaultCloudPolicy)),
        });
        let cloud = if truthful { cloud.with_ready_answers() } else { cloud };
        cloud.set_lifetimes(lifetimes);
        let secure = tls.is_some();
        let shared = Arc::new(Shared::new(cloud, &keys, threads, pace)?);
        let acceptor = tls.map(|tls| tls.acceptor);
        let mut workers = Vec::new();
        for number in 0..threads.max(1) {
            let (sender, receiver) = unbounded_channel();
            let (shared, acceptor) = (shared.clone(), acceptor.clone());
            let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
            thread::Builder::new().name(format!("serve-{number}")).spawn(move || {
                runtime.block_on(work(receiver, &shared, acceptor.as_ref()));
            })?;
            workers.push(sender);
        }
        thread::Builder::new().name("accept".into()).spawn(move || accept(&runtime, &listener, &workers))?;
        Ok(Self { address, shared, secure, profile, lifetimes })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was served so far, and at what cost.
    pub fn summary(&self) -> Summary {
        self.shared.summary()
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Hands connections to the workers in turn: the kernel's own way of dealing them out (`SO_REUSEPORT`) leaves some threads
/// with twice the connections of others.
fn accept(runtime: &Runtime, listener: &TcpListener, workers: &[UnboundedSender<std::net::TcpStream>]) {
    runtime.block_on(async {
        for worker in workers.iter().cycle() {
            let stream = loop {
                match listener.accept().await.and_then(|(stream, _)| stream.into_std()) {
                    Ok(stream) => break stream,
                    Err(_) => tokio::time::sleep(BREATH).await,
                }
            };
            // A worker lives as long as the process.
            let _ = worker.send(stream);
        }
    });
}

async fn work(
    mut connections: UnboundedReceiver<std::net::TcpStream>,
    shared: &Arc<Shared>,
    acceptor: Option<&tokio_rustls::TlsAcceptor>,
) {
    while let Some(stream) = connections.recv().await {
        let Ok(stream) = TcpStream::from_std(stream) else { continue };
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        match acceptor.cloned() {
            None => tokio::spawn(connection::serve(stream, shared)),
            Some(acceptor) => tokio::spawn(async move {
                // A handshake that fails is the caller's to tell.
                if let Ok(stream) = acceptor.accept(stream).await {
                    connection::serve(stream, shared).await;
                }
            }),
        };
    }
}
