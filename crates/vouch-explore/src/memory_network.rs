//! The network of a walk: passes calls in memory, records them, and injects faults.

use super::action::InjectedFault;
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use vouch_sim::mock_cloud::MockCloud;
use vouch_sim::reference::sdk::ports::{Host, HttpRequest, HttpResponse, Network, NetworkError, ProcessLifetime};
use vouch_sim::wire::{Link, Operation, Party, RecordingProxy, Transcript, Upstream, WireRequest, WireResponse};

/// A cloud that yields to other tasks before it responds, so that calls can overlap.
struct YieldingCloud(MockCloud);

#[async_trait]
impl Upstream for YieldingCloud {
    async fn answer(&self, link: Link, request: WireRequest) -> Option<WireResponse> {
        tokio::task::yield_now().await;
        self.0.answer(link, request).await
    }
}

/// The network between SDK, backend and cloud.
pub(super) struct MemoryNetwork {
    pub proxy: RecordingProxy,
    pub cloud: MockCloud,
    pub transcript: Transcript,
    pub online: AtomicBool,
    pub fault: Mutex<Option<(Operation, InjectedFault)>>,
    /// The next call of this kind is delayed, so that other tasks can progress.
    pub delayed: Mutex<Option<Operation>>,
}

/// The number of yields of a delayed call.
const DELAY_YIELDS: usize = 60;

/// The network of one process.
pub(super) struct ProcessNetwork {
    pub network: Arc<MemoryNetwork>,
    pub life: ProcessLifetime,
}

#[async_trait]
impl Network for ProcessNetwork {
    async fn send(&self, call: HttpRequest) -> Result<HttpResponse, NetworkError> {
        if self.life.is_over() || !self.network.online.load(Ordering::Relaxed) {
            return Err(NetworkError::ConnectionLost);
        }
        // Other tasks can run while the call is in flight.
        tokio::task::yield_now().await;
        let answer = self.network.exchange(call).await;
        tokio::task::yield_now().await;
        if self.life.is_over() { Err(NetworkError::ConnectionLost) } else { answer }
    }
}

/// The link and the message of an SDK's request on the wire.
///
/// # Errors
/// If the request cannot be written as HTTP.
pub fn wire_request(call: HttpRequest) -> Result<(Link, WireRequest), NetworkError> {
    let to = if call.host == Host::Api { Party::Api } else { Party::Auth };
    let link = Link { from: Party::Sdk, to, realm: call.realm };
    let mut headers = HeaderMap::new();
    for (name, value) in &call.headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| NetworkError::ConnectionLost)?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| NetworkError::ConnectionLost)?;
        headers.append(name, value);
    }
    let method = Method::from_bytes(call.method.as_bytes()).map_err(|_| NetworkError::ConnectionLost)?;
    Ok((link, WireRequest { method, path: call.path, headers, body: Bytes::from(call.body) }))
}

/// A response from the wire, as an SDK reads it.
pub fn http_response(reply: &WireResponse) -> HttpResponse {
    let retry_after = reply.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    HttpResponse {
        status: reply.status.as_u16(),
        retry_after: retry_after.map(Duration::from_secs),
        body: reply.body.to_vec(),
    }
}

impl MemoryNetwork {
    async fn exchange(&self, call: HttpRequest) -> Result<HttpResponse, NetworkError> {
        let (link, request) = wire_request(call)?;
        Ok(http_response(&self.pass(link, request).await?))
    }

    pub fn proxy(&self) -> &RecordingProxy {
        &self.proxy
    }

    pub fn fault(&self) -> MutexGuard<'_, Option<(Operation, InjectedFault)>> {
        self.fault.lock()
    }

    pub fn inject_fault(&self, on: Operation, fault: InjectedFault) {
        *self.fault() = Some((on, fault));
    }

    /// Passes a call to the cloud, with the injected fault if one matches it.
    pub async fn pass(&self, link: Link, request: WireRequest) -> Result<WireResponse, NetworkError> {
        let delayed = self.delayed.lock().take_if(|on| *on == self.transcript.operation_of(link, &request)).is_some();
        let reply = self.pass_now(link, request).await;
        for _ in 0..if delayed { DELAY_YIELDS } else { 0 } {
            tokio::task::yield_now().await;
        }
        reply
    }

    async fn pass_now(&self, link: Link, request: WireRequest) -> Result<WireResponse, NetworkError> {
        let fault = match &mut *self.fault.lock() {
            slot @ Some(_) if slot.is_some_and(|(on, _)| on == self.transcript.operation_of(link, &request)) => {
                match *slot {
                    Some((_, InjectedFault::PersistentStatus(status))) => Some(InjectedFault::Status(status)),
                    _ => slot.take().map(|(_, fault)| fault),
                }
            }
            _ => None,
        };
        let cloud = YieldingCloud(self.cloud.clone());
        let Some(fault) = fault else {
            return self.proxy.forward(link, &cloud, request).await.ok_or(NetworkError::ConnectionLost);
        };
        let quoted = request.header("x-vital-api-key").unwrap_or_default().to_owned();
        let reply = self.proxy.forward_with_fault(link, &cloud, request, &fault_effect(fault, &quoted)).await;
        reply.ok_or(if fault == InjectedFault::NoResponse {
            NetworkError::Timeout
        } else {
            NetworkError::ConnectionLost
        })
    }
}

/// `quoted` is the API key of the call; error responses repeat it, so that leaks are detected.
fn fault_effect(fault: InjectedFault, quoted: &str) -> vouch_sim::wire::FaultEffect {
    use vouch_sim::wire::{FaultEffect, FaultPoint};
    match fault {
        InjectedFault::LoseRequest | InjectedFault::NoResponse => FaultEffect::Lose(FaultPoint::Request),
        InjectedFault::LoseResponse => FaultEffect::Lose(FaultPoint::Response),
        InjectedFault::Status(status) | InjectedFault::PersistentStatus(status) => FaultEffect::Answer {
            headers: vec![],
            status,
            retry_after_s: None,
            content_type: "application/json",
            body: Bytes::from(format!("{{\"detail\":\"injected by the walk\",\"key\":\"{quoted}\"}}")),
        },
        InjectedFault::WrongTypes => FaultEffect::Body {
            content_type: "application/json",
            body: Bytes::from_static(b"{\"user_id\":7,\"sign_in_token\":[]}"),
        },
        InjectedFault::RetryAfter(status, seconds) => FaultEffect::Answer {
            headers: vec![],
            status,
            retry_after_s: Some(seconds),
            content_type: "application/json",
            body: Bytes::from_static(b"{\"detail\":\"injected by the walk\"}"),
        },
        InjectedFault::Garbage => FaultEffect::Body { content_type: "text/html", body: Bytes::from_static(b"<html>") },
    }
}
