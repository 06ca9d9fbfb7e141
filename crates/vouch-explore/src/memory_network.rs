//! What lies between the parts of a walk: calls are handed over in memory, recorded, and struck on their way.

use super::action::InjectedFault;
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vouch_sim::mock_cloud::MockCloud;
use vouch_sim::reference::sdk::ports::{Host, HttpRequest, HttpResponse, Life, Network, NoResponse};
use vouch_sim::wire::{Link, Operation, Party, Received, RecordingProxy, Reply, Transcript, Upstream};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A cloud that lets others have their turn before it answers, so that calls can overlap.
struct Unhurried(MockCloud);

#[async_trait]
impl Upstream for Unhurried {
    async fn answer(&self, link: Link, request: Received) -> Option<Reply> {
        tokio::task::yield_now().await;
        self.0.answer(link, request).await
    }
}

/// What lies between SDK and cloud.
pub(super) struct MemoryNetwork {
    pub front: RecordingProxy,
    pub cloud: MockCloud,
    pub transcript: Transcript,
    pub online: AtomicBool,
    pub strike: Mutex<Option<(Operation, InjectedFault)>>,
    /// The kind of exchange whose next answer takes so long that much else can happen.
    pub slow: Mutex<Option<Operation>>,
}

/// How often others have their turn meanwhile.
const SLOW: usize = 60;

/// The network of one process.
pub(super) struct DirectNet {
    pub network: Arc<MemoryNetwork>,
    pub life: Life,
}

#[async_trait]
impl Network for DirectNet {
    async fn send(&self, call: HttpRequest) -> Result<HttpResponse, NoResponse> {
        if self.life.is_over() || !self.network.online.load(Ordering::Relaxed) {
            return Err(NoResponse::Lost);
        }
        // Others get their turn while this is under way.
        tokio::task::yield_now().await;
        let answer = self.network.exchange(call).await;
        tokio::task::yield_now().await;
        if self.life.is_over() { Err(NoResponse::Lost) } else { answer }
    }
}

impl MemoryNetwork {
    async fn exchange(&self, call: HttpRequest) -> Result<HttpResponse, NoResponse> {
        let to = if call.host == Host::Api { Party::Api } else { Party::Auth };
        let link = Link { from: Party::Sdk, to, realm: call.realm };
        let mut headers = HeaderMap::new();
        for (name, value) in &call.headers {
            let value = HeaderValue::from_str(value).map_err(|_| NoResponse::Lost)?;
            headers.append(HeaderName::from_static(name), value);
        }
        let method = Method::from_bytes(call.method.as_bytes()).map_err(|_| NoResponse::Lost)?;
        let request = Received { method, path: call.path, headers, body: Bytes::from(call.body) };
        let reply = self.pass(link, request).await?;
        let retry_after = reply.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(HttpResponse {
            status: reply.status.as_u16(),
            retry_after: retry_after.map(Duration::from_secs),
            body: reply.body.to_vec(),
        })
    }

    pub fn front(&self) -> &RecordingProxy {
        &self.front
    }

    pub fn strike(&self) -> MutexGuard<'_, Option<(Operation, InjectedFault)>> {
        lock(&self.strike)
    }

    pub fn set_strike(&self, on: Operation, strike: InjectedFault) {
        *self.strike() = Some((on, strike));
    }

    /// Hands a call to the cloud, unless a strike waits for it.
    pub async fn pass(&self, link: Link, request: Received) -> Result<Reply, NoResponse> {
        let slow = lock(&self.slow).take_if(|on| *on == self.transcript.operation_of(link, &request)).is_some();
        let reply = self.pass_now(link, request).await;
        for _ in 0..if slow { SLOW } else { 0 } {
            tokio::task::yield_now().await;
        }
        reply
    }

    async fn pass_now(&self, link: Link, request: Received) -> Result<Reply, NoResponse> {
        let strike = match &mut *lock(&self.strike) {
            slot @ Some(_) if slot.is_some_and(|(on, _)| on == self.transcript.operation_of(link, &request)) => {
                match *slot {
                    Some((_, InjectedFault::Lasting(status))) => Some(InjectedFault::Status(status)),
                    _ => slot.take().map(|(_, strike)| strike),
                }
            }
            _ => None,
        };
        let cloud = Unhurried(self.cloud.clone());
        let Some(strike) = strike else {
            return self.front.pass(link, &cloud, request).await.ok_or(NoResponse::Lost);
        };
        let quoted = request.header("x-vital-api-key").unwrap_or_default().to_owned();
        let reply = self.front.pass_struck(link, &cloud, request, &harm(strike, &quoted)).await;
        reply.ok_or(if strike == InjectedFault::Silence { NoResponse::TooLate } else { NoResponse::Lost })
    }
}

/// `quoted` is the API key of the call, which a careless server repeats in its errors.
fn harm(strike: InjectedFault, quoted: &str) -> vouch_sim::wire::FaultEffect {
    use vouch_sim::wire::{FaultEffect, FaultPoint};
    match strike {
        InjectedFault::LoseRequest | InjectedFault::Silence => FaultEffect::Lose(FaultPoint::Request),
        InjectedFault::LoseResponse => FaultEffect::Lose(FaultPoint::Response),
        InjectedFault::Status(status) | InjectedFault::Lasting(status) => FaultEffect::Answer {
            status,
            retry_after_s: None,
            content_type: "application/json",
            body: Bytes::from(format!("{{\"detail\":\"as the walk wants it\",\"key\":\"{quoted}\"}}")),
        },
        InjectedFault::WrongTypes => FaultEffect::Body {
            content_type: "application/json",
            body: Bytes::from_static(b"{\"user_id\":7,\"sign_in_token\":[]}"),
        },
        InjectedFault::Busy(status, seconds) => FaultEffect::Answer {
            status,
            retry_after_s: Some(seconds),
            content_type: "application/json",
            body: Bytes::from_static(b"{\"detail\":\"as the walk wants it\"}"),
        },
        InjectedFault::Garbage => FaultEffect::Body { content_type: "text/html", body: Bytes::from_static(b"<html>") },
    }
}
