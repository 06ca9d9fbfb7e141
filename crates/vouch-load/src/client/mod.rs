//! HTTP clients that send the requests of a [`Scheduler`](super::scheduler::Scheduler).

mod http1;
mod http1_connection;
mod http2;
mod http2_connection;
mod poller;
mod response;
mod timed_executor;
mod worker_clock;

pub use http1::Http1Client;
pub use http2::Http2Client;
pub use response::{MAX_BYTES, TOO_LONG, content_encoding, retry_after};
pub use worker_clock::{WorkerClock, WorkerSecond, nanoseconds};

use super::plan::{Load, Protocol};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::ClientConfig;

/// Options of one worker's HTTP client.
#[derive(Clone)]
pub struct ClientOptions {
    /// The maximum number of connections.
    pub connections: usize,
    /// The timeout of a request, from its send.
    pub timeout: Duration,
    pub protocol: Protocol,
    pub tls: Arc<ClientConfig>,
}

impl ClientOptions {
    /// The options of one of the load's threads.
    pub fn of(load: &Load, tls: Arc<ClientConfig>) -> Self {
        let connections = (load.connections / load.threads).max(1) as usize;
        Self { connections, timeout: load.timeout, protocol: load.protocol, tls }
    }

    fn timeout_ns(&self) -> u64 {
        nanoseconds(self.timeout)
    }
}
