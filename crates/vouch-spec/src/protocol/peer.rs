//! One side of a JSON-RPC conversation over lines. Both sides are alike: harness and adapter each own a [`Peer`].
//!
//! Whatever the other side does, a call ends: with its answer, with the reason why the line broke, or at its deadline.

use super::framing::{excerpt, read_line, write_lines};
use super::message::ErrorData;
use super::violation::Violation;
use super::vocabulary::ErrorKind;
use async_trait::async_trait;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};

const UNKNOWN_METHOD: i64 = -32601;
const BAD_PARAMS: i64 = -32602;
const INVALID_REQUEST: i64 = -32600;
const REFUSED: i64 = -32000;

/// What the other side's requests and notifications do.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal>;
    /// Called in the order of the line, before anything that was sent after it.
    fn notification(&self, method: &str, params: Value);
}

/// An error answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    pub code: i64,
    pub message: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

impl Refusal {
    /// The message, and whatever the data hold beside the kind: an app may show or log all of it.
    pub fn words(&self) -> String {
        let more: Vec<_> = match &self.data {
            Value::Object(fields) => fields
                .iter()
                .filter(|(name, _)| *name != "kind")
                .map(|(name, value)| format!("{name}: {value}"))
                .collect(),
            _ => vec![],
        };
        if more.is_empty() { self.message.clone() } else { format!("{} ({})", self.message, more.join(", ")) }
    }

    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { code: REFUSED, message: message.into(), data: json!({ "kind": kind }) }
    }

    pub fn unknown_method(method: &str) -> Self {
        Self { code: UNKNOWN_METHOD, message: format!("no method `{method}`"), data: Value::Null }
    }

    /// The call comes at a time at which it cannot be made.
    pub fn too_early(message: impl Into<String>) -> Self {
        Self { code: INVALID_REQUEST, message: message.into(), data: Value::Null }
    }

    pub fn bad_params(method: &str, why: &serde_json::Error) -> Self {
        Self { code: BAD_PARAMS, message: format!("params of `{method}`: {why}"), data: Value::Null }
    }

    /// The kind, where the answer has a valid one.
    pub fn kind(&self) -> Option<ErrorKind> {
        if self.code == UNKNOWN_METHOD {
            return Some(ErrorKind::Unsupported);
        }
        serde_json::from_value::<ErrorData>(self.data.clone()).ok().map(|data| data.kind)
    }
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallError {
    #[error("refused: {}", .0.message)]
    Refused(Refusal),
    #[error("{0}")]
    Violation(Violation),
    #[error("it did not answer within {0:?}")]
    Timeout(Duration),
}

/// A cheap handle to call the other side.
#[derive(Clone)]
pub struct Peer(Arc<PeerState>);

type CallOutcome = Result<Value, Refusal>;

struct PeerState {
    /// Lines to write, in order: a notification stands before the answer that follows it.
    outbox: Mutex<Option<mpsc::UnboundedSender<String>>>,
    pending: Mutex<HashMap<u64, oneshot::Sender<CallOutcome>>>,
    next_id: AtomicU64,
    max_unsolicited: usize,
    /// How many more messages the other side may send unasked.
    unsolicited_left: AtomicUsize,
    violation: watch::Sender<Option<Violation>>,
}

/// Makes a peer of two byte streams. The future reads and writes until the line breaks and must be polled; dropping it stops all
/// requests that it was serving. `max_unsolicited` bounds what the other side may send without being asked; only the harness
/// has reason to set one ([`super::MAX_UNSOLICITED`]).
pub fn connect(
    read: impl AsyncRead + Send + Unpin + 'static,
    write: impl AsyncWrite + Send + Unpin + 'static,
    max_unsolicited: usize,
    handler: impl FnOnce(&Peer) -> Arc<dyn Handler>,
) -> (Peer, impl Future<Output = Violation> + Send) {
    let (outbox, lines) = mpsc::unbounded_channel();
    let peer = Peer(Arc::new(PeerState {
        outbox: Mutex::new(Some(outbox)),
        pending: Mutex::default(),
        next_id: AtomicU64::new(1),
        max_unsolicited,
        unsolicited_left: AtomicUsize::new(max_unsolicited),
        violation: watch::Sender::new(None),
    }));
    let handler = handler(&peer);
    let listener = MessageReader { peer: peer.clone(), handler, serving: JoinSet::new(), by_id: BTreeMap::new() };
    (peer, run_connection(listener, read, write, lines))
}

async fn run_connection(
    mut listener: MessageReader,
    read: impl AsyncRead + Send + Unpin,
    write: impl AsyncWrite + Send + Unpin,
    lines: mpsc::UnboundedReceiver<String>,
) -> Violation {
    let peer = listener.peer.clone();
    let violation = {
        let mut reading = std::pin::pin!(listener.read_messages(read));
        tokio::select! {
            violation = &mut reading => violation,
            written = write_lines(write, lines) => match written {
                Ok(()) => reading.await,
                // A process that died says so better than its closed input does.
                Err(_) => tokio::time::timeout(Duration::from_millis(200), reading).await.unwrap_or(Violation::InputClosed),
            }
        }
    };
    peer.fail_pending(&violation);
    violation
}

impl Peer {
    /// Calls a method and reads its result as `R`.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
        deadline: Duration,
    ) -> Result<R, CallError> {
        self.start_call(method, params).response(deadline).await
    }

    /// Reserves an id, so that the call can be cancelled while it runs.
    pub fn start_call<'a>(&'a self, method: &'a str, params: impl Serialize) -> PendingCall<'a> {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let params = serde_json::to_value(params).unwrap_or(Value::Null);
        PendingCall { peer: self, method, id, params }
    }

    /// Says something that wants no answer.
    pub fn notify(&self, method: &str, params: impl Serialize) {
        self.write(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn write(&self, message: &Value) {
        // Fails only when the conversation has ended, which every call finds out by itself.
        if let Some(outbox) = &*self.0.outbox.lock() {
            let _ = outbox.send(format!("{message}\n"));
        }
    }

    /// Writes what is queued, then ends the other side's input. What it still sends is still read.
    pub fn close_output(&self) {
        *self.0.outbox.lock() = None;
    }

    fn fail_pending(&self, violation: &Violation) {
        self.0.violation.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(violation.clone());
            }
            first
        });
        self.0.pending.lock().clear();
    }

    /// The violation that ended the conversation, if it has ended.
    pub fn violation(&self) -> Option<Violation> {
        self.0.violation.borrow().clone()
    }

    /// Whether the other side still owes an answer to a call.
    pub fn has_pending_calls(&self) -> bool {
        !self.0.pending.lock().is_empty()
    }

    /// Lets the other side send as many messages unasked as at the beginning.
    pub fn renew_unsolicited(&self) {
        self.0.unsolicited_left.store(self.0.max_unsolicited, Ordering::Relaxed);
    }

    fn wrong_shape(&self, method: &str, why: &serde_json::Error) -> CallError {
        let violation = Violation::WrongShape { method: method.to_owned(), why: why.to_string() };
        self.fail_pending(&violation);
        CallError::Violation(violation)
    }
}

/// A call that is about to be made.
pub struct PendingCall<'a> {
    peer: &'a Peer,
    method: &'a str,
    pub id: u64,
    params: Value,
}

impl PendingCall<'_> {
    pub async fn response<R: DeserializeOwned>(self, deadline: Duration) -> Result<R, CallError> {
        let PendingCall { peer, method, id, params } = self;
        let (answer, answered) = oneshot::channel();
        peer.0.pending.lock().insert(id, answer);
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let mut violation = peer.0.violation.subscribe();
        let exchange = async {
            if let Some(broken) = peer.violation() {
                return Err(CallError::Violation(broken));
            }
            peer.write(&message);
            tokio::select! {
                biased;
                answer = answered => match answer {
                    Ok(Ok(value)) => Ok(value),
                    Ok(Err(refusal)) => Err(CallError::Refused(refusal)),
                    Err(_) => Err(CallError::Violation(peer.violation().unwrap_or(Violation::Closed))),
                },
                broken = violation.wait_for(Option::is_some) => {
                    Err(CallError::Violation(broken.ok().and_then(|b| b.clone()).unwrap_or(Violation::Closed)))
                }
            }
        };
        let result = tokio::time::timeout(deadline, exchange).await;
        peer.0.pending.lock().remove(&id);
        let value = result.map_err(|_| CallError::Timeout(deadline))??;
        serde_json::from_value(value).map_err(|why| peer.wrong_shape(method, &why))
    }
}

#[derive(Deserialize)]
struct IncomingMessage {
    jsonrpc: String,
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    error: Option<Refusal>,
}

/// `"result": null` is a result.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Reads the other side's lines.
struct MessageReader {
    peer: Peer,
    handler: Arc<dyn Handler>,
    serving: JoinSet<String>,
    by_id: BTreeMap<String, AbortHandle>,
}

impl MessageReader {
    async fn read_messages(&mut self, read: impl AsyncRead + Send + Unpin) -> Violation {
        let mut reader = BufReader::new(read);
        let mut line = Vec::new();
        loop {
            tokio::select! {
                read = read_line(&mut reader, &mut line) => {
                    if let Err(violation) = read {
                        return violation;
                    }
                    let taken = std::mem::take(&mut line);
                    if let Err(violation) = self.on_line(&taken) {
                        return violation;
                    }
                }
                Some(done) = self.serving.join_next(), if !self.serving.is_empty() => {
                    if let Ok(id) = done {
                        self.by_id.remove(&id);
                    }
                }
            }
        }
    }

    fn on_line(&mut self, line: &[u8]) -> Result<(), Violation> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let not_a_message = || Violation::NotAMessage(excerpt(line));
        let message: IncomingMessage = serde_json::from_slice(line).map_err(|_| not_a_message())?;
        if message.jsonrpc != "2.0" {
            return Err(not_a_message());
        }
        match (message.method, message.id) {
            (Some(method), Some(id)) => self.serve(id, method, message.params),
            (Some(method), None) => self.on_event(&method, message.params),
            (None, Some(id)) => match (message.result, message.error) {
                (Some(value), None) => self.resolve(&id, Ok(value)),
                (None, Some(refusal)) => self.resolve(&id, Err(refusal)),
                _ => Err(not_a_message()),
            },
            (None, None) => Err(not_a_message()),
        }
    }

    fn resolve(&self, id: &Value, answer: CallOutcome) -> Result<(), Violation> {
        let waiting = id.as_u64().and_then(|id| self.peer.0.pending.lock().remove(&id));
        // A caller that gave up at its deadline is not the other side's fault, an id never used is.
        let was_asked = id.as_u64().is_some_and(|id| id > 0 && id < self.peer.0.next_id.load(Ordering::Relaxed));
        match waiting {
            Some(waiting) => {
                let _ = waiting.send(answer);
                Ok(())
            }
            None if was_asked && answer.as_ref().is_err_and(|r| r.kind() == Some(ErrorKind::Cancelled)) => Ok(()),
            None => Err(Violation::UnknownId(excerpt(id.to_string().as_bytes()))),
        }
    }

    fn count_unsolicited(&self) -> Result<(), Violation> {
        let left = &self.peer.0.unsolicited_left;
        let counted = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        counted.map(drop).map_err(|_| Violation::Flood)
    }

    fn serve(&mut self, id: Value, method: String, params: Value) -> Result<(), Violation> {
        self.count_unsolicited()?;
        let (handler, peer, key) = (self.handler.clone(), self.peer.clone(), id.to_string());
        let task = self.serving.spawn({
            let key = key.clone();
            async move {
                let answer = handler.request(&method, params).await;
                peer.write(&answer_message(&id, answer));
                key
            }
        });
        self.by_id.insert(key, task);
        Ok(())
    }

    fn on_event(&mut self, method: &str, params: Value) -> Result<(), Violation> {
        self.count_unsolicited()?;
        if method == "cancel" {
            let id = params.get("id").cloned().unwrap_or(Value::Null);
            if let Some(task) = self.by_id.remove(&id.to_string()) {
                task.abort();
                let refusal = Refusal::new(ErrorKind::Cancelled, "the caller cancelled");
                self.peer.write(&answer_message(&id, Err(refusal)));
            }
            return Ok(());
        }
        self.handler.notification(method, params);
        Ok(())
    }
}

fn answer_message(id: &Value, answer: CallOutcome) -> Value {
    match answer {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(refusal) => json!({ "jsonrpc": "2.0", "id": id, "error": refusal }),
    }
}

#[cfg(test)]
mod tests;
