//! The intercepting proxy before the server: its traffic is recorded, and faults strike it.

use super::connection::ServerState;
use crate::clock::Clock;
use crate::intercept::{
    CertificateAuthority, InterceptParts, InterceptingProxy, PassedHost, ProxyEvent, RecordedUpstream,
};
use crate::wire::{FaultInjector, Link, RecordingProxy, Transcript, Upstream, WireRequest, WireResponse};
use async_trait::async_trait;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use tokio::runtime::Builder;
use vouch_spec::profile::Profile;

/// The configuration of the proxy.
pub struct ProxyConfig {
    /// Port 0 selects a free port.
    pub listen: SocketAddr,
    pub ca: Arc<CertificateAuthority>,
    pub passed: Vec<PassedHost>,
    /// How many exchanges are kept: the newest, and at least half as many.
    pub kept_exchanges: usize,
    /// Called for each event, from a thread of the proxy.
    pub on_event: Arc<dyn Fn(ProxyEvent) + Send + Sync>,
}

/// What is recorded of the proxy's traffic, and the faults that strike it.
pub(super) struct Recording {
    pub transcript: Transcript,
    pub faults: FaultInjector,
    pub clock: Clock,
}

impl Recording {
    pub fn new(clock: Clock, profile: Arc<Profile>, kept_exchanges: usize) -> Self {
        let transcript = Transcript::limited(clock.clone(), profile, kept_exchanges);
        Self { transcript, faults: FaultInjector::default(), clock }
    }
}

/// Starts the proxy in a thread of its own, which lives as long as the process.
pub(super) fn start(
    config: ProxyConfig,
    recording: &Recording,
    state: &Arc<ServerState>,
    profile: Arc<Profile>,
) -> io::Result<SocketAddr> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let recorder = RecordingProxy::new(recording.transcript.clone(), recording.faults.clone(), recording.clock.clone());
    let parts = InterceptParts {
        ca: config.ca,
        profile,
        passed: config.passed,
        server: Arc::new(RecordedUpstream { recorder, upstream: Arc::new(CloudUpstream(state.clone())) }),
        on_event: config.on_event,
    };
    let proxy = runtime.block_on(InterceptingProxy::start(config.listen, parts))?;
    let address = proxy.address();
    thread::Builder::new().name("proxy".into()).spawn(move || {
        let _proxy = proxy;
        runtime.block_on(std::future::pending::<()>());
    })?;
    Ok(address)
}

/// The cloud of the server, as the recording proxy calls it.
struct CloudUpstream(Arc<ServerState>);

#[async_trait]
impl Upstream for CloudUpstream {
    async fn answer(&self, link: Link, request: WireRequest) -> Option<WireResponse> {
        Some(self.0.answer_on(link, request).await)
    }

    fn place(&self, link: Link, request: &WireRequest) -> Link {
        self.0.cloud.place(link, request)
    }
}
