//! HTTP clients that put a [`Scheduler`](super::scheduler::Scheduler)'s requests on the wire.

mod http1;
mod http1_connection;
mod http2;
mod http2_connection;
mod poller;
mod response;
mod timed_executor;
mod tls;
mod worker_clock;

pub use http1::Http1;
pub use http2::Http2;
pub use tls::{NoTls, config};
pub use worker_clock::{Pulse, Watch, nanoseconds};

use super::plan::{Load, Protocol};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::ClientConfig;

/// What one worker's client may use.
#[derive(Clone)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// How long a request may take, from its sending.
    pub timeout: Duration,
    pub protocol: Protocol,
    pub tls: Arc<ClientConfig>,
}

impl Limits {
    /// A load's, shared out among its threads.
    pub fn of(load: &Load, tls: Arc<ClientConfig>) -> Self {
        let connections = (load.connections / load.threads).max(1) as usize;
        Self { connections, timeout: load.timeout, protocol: load.protocol, tls }
    }

    fn timeout_ns(&self) -> u64 {
        nanoseconds(self.timeout)
    }
}
