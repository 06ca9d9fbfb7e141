//! A launched adapter process, either in this process or a child process, and calls to it.

use super::outside_files::OutsideFiles;
use super::reuse::Reuse;
use super::{Deadlines, StartError};
use async_trait::async_trait;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use vouch_sim::reference::sdk::ports::WriteFault;
use vouch_spec::protocol::message::{Harness, Initialize, Initialized};
use vouch_spec::protocol::{CallError, MIN_VERSION, Peer, Refusal, VERSION, Violation};

/// Handles the requests and notifications that an adapter sends to the harness.
#[async_trait]
pub trait HostCallbacks: Send + Sync + 'static {
    /// Answers a request of the adapter.
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal>;
    /// Handles a notification of the adapter.
    fn notification(&self, method: &str, params: Value);
}

/// Refuses every request and ignores every notification: for a process that is only probed.
pub(super) struct IgnoreCallbacks;

#[async_trait]
impl HostCallbacks for IgnoreCallbacks {
    async fn request(&self, method: &str, _: Value) -> Result<Value, Refusal> {
        Err(Refusal::unknown_method(method))
    }

    fn notification(&self, _: &str, _: Value) {}
}

/// A failure of the process itself, as opposed to an error that its SDK returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct SutError {
    /// A description, for example "the adapter did not answer `status` within 10s".
    pub what: String,
    /// The harness itself killed the process.
    pub killed_by_us: bool,
    /// The last part of standard error, if the process can no longer be asked for it.
    pub stderr: String,
}

impl SutError {
    /// A failure without standard error that the harness did not cause.
    pub(crate) fn new(what: String) -> Self {
        Self { what, killed_by_us: false, stderr: String::new() }
    }
}

/// Whether a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessState {
    Running,
    /// How it exited, for example "exit code 1".
    Exited(String),
}

/// Observes and ends a process.
#[async_trait]
pub(super) trait ProcessHandle: Send + Sync {
    /// Kills the process (SIGKILL or an equivalent) and waits until it has exited.
    async fn kill(&self);
    /// Kills the process without waiting.
    fn kill_now(&self);
    /// Helps a process to its end that has answered `stop`, where it does not end by itself. Returns false if the environment
    /// failed at it; the next launch then says why.
    async fn end_in_order(&self) -> bool {
        true
    }
    /// Brings the app to the foreground by a hook of its device. Returns whether there is one.
    async fn bring_to_foreground(&self) -> Result<bool, StartError> {
        Ok(false)
    }
    /// The state of the process.
    fn state(&self) -> watch::Receiver<ProcessState>;
    /// Lets a fault strike instead of the process's `write`-th write to storage from now on. Returns whether that is possible.
    fn arm(&self, write: u32, fault: WriteFault) -> bool;
    /// Cancels [`ProcessHandle::arm`]. Returns whether the fault struck.
    fn disarm(&self) -> bool;
    /// The longest time that one of its threads waited for a processor, where that is known.
    fn cpu_wait(&self) -> Option<Duration>;
    /// Its process group on this machine, if it is a program of this machine.
    fn group(&self) -> Option<i32> {
        None
    }
    /// The last part of its standard error.
    fn stderr_tail(&self) -> String;
    /// Its standard error since the previous call of this function.
    fn take_stderr(&self) -> String;
    /// From now on, its standard error, the time that it waits for a processor and the files that it writes belong to another
    /// case.
    fn begin_case(&self, _outside: &Arc<OutsideFiles>) {}
}

/// A launched adapter process.
pub struct Process {
    pub(super) peer: Peer,
    pub(super) handle: Arc<dyn ProcessHandle>,
    pub(super) deadlines: Deadlines,
    killed: Mutex<bool>,
    /// It is reached over a connection, not over pipes.
    over_connection: bool,
    /// The answer to `initialize`, where the launch has made that call.
    initialized: Mutex<Option<Initialized>>,
    /// Whether it missed a deadline.
    pub(super) hung: AtomicBool,
    /// What it needs to serve one case after another, if it can.
    pub(super) reuse: Option<Reuse>,
}

impl Process {
    pub(super) fn new(peer: Peer, handle: Arc<dyn ProcessHandle>, deadlines: Deadlines) -> Self {
        Self {
            peer,
            handle,
            deadlines,
            killed: Mutex::new(false),
            over_connection: false,
            initialized: Mutex::default(),
            hung: AtomicBool::new(false),
            reuse: None,
        }
    }

    /// The same process, reached over a connection: errors say so.
    pub(super) fn over_connection(mut self) -> Self {
        self.over_connection = true;
        self
    }

    /// The first call: agrees on the protocol version and returns the capabilities.
    pub async fn initialize(&self) -> Result<Initialized, SutError> {
        if let Some(initialized) = self.initialized.lock().take() {
            return Ok(initialized);
        }
        let version = env!("CARGO_PKG_VERSION");
        let harness = Harness { name: "vouch".into(), version: version.into() };
        let params = Initialize { protocol: VERSION, min_protocol: MIN_VERSION, harness };
        let answer = self.call::<Value>("initialize", params).await?.map_err(|refusal| {
            SutError::new(format!("the adapter refused `initialize` with protocol {}: {}", versions(), refusal.message))
        })?;
        // Before anything else is read: another version may have another shape.
        let speaks = answer.get("protocol").and_then(Value::as_u64);
        if let Some(speaks) = speaks.filter(|speaks| !(u64::from(MIN_VERSION)..=u64::from(VERSION)).contains(speaks)) {
            let newer = if speaks > u64::from(VERSION) { "a newer Vouch" } else { "a newer adapter" };
            return Err(SutError::new(format!(
                "the adapter speaks protocol {speaks}, Vouch {version} speaks {}: use {newer}",
                versions()
            )));
        }
        serde_json::from_value(answer)
            .map_err(|why| SutError::new(format!("the adapter's answer to `initialize` has the wrong shape: {why}")))
    }

    /// Calls the SDK. The outer error is a failure of the process, the inner one an error that the SDK returned.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<Result<R, Refusal>, SutError> {
        let request = self.peer.start_call(method, params);
        self.resolve(method, request.response(self.deadlines.call).await)
    }

    /// Calls the SDK and cancels the call when `when` completes.
    pub async fn call_and_cancel<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
        when: impl Future<Output = ()>,
    ) -> Result<Result<R, Refusal>, SutError> {
        let request = self.peer.start_call(method, params);
        let id = request.id;
        let mut finished = std::pin::pin!(request.response(self.deadlines.call));
        let result = tokio::select! {
            biased;
            result = &mut finished => result,
            () = when => {
                self.peer.notify("cancel", json!({ "id": id }));
                finished.await
            }
        };
        self.resolve(method, result)
    }

    /// Whether it did not answer a call in time.
    pub fn missed_deadline(&self) -> bool {
        self.hung.load(Ordering::Relaxed)
    }

    fn resolve<R>(&self, method: &str, result: Result<R, CallError>) -> Result<Result<R, Refusal>, SutError> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(CallError::Refused(refusal)) => Ok(Err(refusal)),
            Err(CallError::Timeout(after)) => {
                self.hung.store(true, Ordering::Relaxed);
                Err(self.mark(format!("the adapter did not answer `{method}` within {after:?} (hung?)")))
            }
            Err(CallError::Violation(violation)) => {
                let how = match violation {
                    Violation::Closed | Violation::InputClosed if self.over_connection => {
                        "it closed the connection (the app ended, or lost its network)".to_owned()
                    }
                    violation => violation.to_string(),
                };
                Err(self.mark(format!("during `{method}`, the adapter failed: {how}")))
            }
        }
    }

    fn mark(&self, what: String) -> SutError {
        SutError { killed_by_us: *self.killed.lock(), ..SutError::new(what) }
    }

    /// Adds the exit status and the standard error of the process to an error.
    pub async fn explain(&self, mut error: SutError) -> SutError {
        let mut state = self.handle.state();
        let exited =
            tokio::time::timeout(Duration::from_millis(300), state.wait_for(|state| *state != ProcessState::Running))
                .await;
        if let Ok(Ok(state)) = exited
            && let ProcessState::Exited(how) = &*state
            && !error.killed_by_us
            && how != CONNECTION_CLOSED
        {
            error.what.push_str(&format!("; the process ended: {how}"));
        }
        error.stderr = self.stderr_tail();
        error
    }

    /// Keeps the answer to `initialize` for [`Process::initialize`].
    pub(super) fn keep(&self, initialized: Initialized) {
        *self.initialized.lock() = Some(initialized);
    }

    /// Whether the other side has ended the conversation without breaking a rule.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.peer.violation(), Some(Violation::Closed | Violation::InputClosed))
    }

    /// Whether the process can answer calls.
    pub fn is_alive(&self) -> bool {
        self.peer.violation().is_none() && !*self.killed.lock()
    }

    /// The longest time that one of its threads waited for a processor; zero if that is not known.
    pub fn cpu_wait(&self) -> Duration {
        self.handle.cpu_wait().unwrap_or_default()
    }

    /// Its process group, while it runs as a program of this machine: what `usage` measures.
    pub fn group(&self) -> Option<i32> {
        (*self.handle.state().borrow() == ProcessState::Running).then(|| self.handle.group()).flatten()
    }

    /// The last part of its standard error.
    pub fn stderr_tail(&self) -> String {
        self.handle.stderr_tail()
    }

    /// Its standard error since the previous call of this function.
    pub fn take_stderr(&self) -> String {
        self.handle.take_stderr()
    }

    /// Stops the process in order: calls `stop`, closes its input and waits for its exit.
    pub async fn stop(&self) -> Result<(), SutError> {
        match self.call::<Value>("stop", json!({})).await? {
            Ok(_) => {}
            Err(refusal) => return Err(SutError::new(format!("the adapter refused `stop`: {}", refusal.message))),
        }
        let mut state = self.handle.state();
        self.peer.close_output();
        if !self.handle.end_in_order().await {
            self.handle.kill_now();
            return Ok(());
        }
        let exited = async {
            state
                .wait_for(|state| *state != ProcessState::Running)
                .await
                .map_or(ProcessState::Running, |state| state.clone())
        };
        match tokio::time::timeout(self.deadlines.stop, exited).await.unwrap_or(ProcessState::Running) {
            ProcessState::Exited(how) if how == CLEAN_EXIT || how == CONNECTION_CLOSED => Ok(()),
            ProcessState::Exited(how) => {
                Err(SutError::new(format!("the adapter answered `stop` and then exited with: {how}")))
            }
            ProcessState::Running => {
                self.handle.kill().await;
                Err(SutError::new(format!(
                    "the adapter answered `stop` but was still running {:?} later",
                    self.deadlines.stop
                )))
            }
        }
    }

    /// Sends a notification.
    pub fn notify(&self, method: &str, params: Value) {
        self.peer.notify(method, params);
    }

    /// Closes the input of the process and waits for its end. Returns how it ended, or `None` if it still runs after `limit`.
    pub async fn close_input(&self, limit: Duration) -> Option<String> {
        let mut state = self.handle.state();
        self.peer.close_output();
        let ended = state.wait_for(|state| *state != ProcessState::Running);
        match tokio::time::timeout(limit, ended).await.ok()?.ok()?.clone() {
            ProcessState::Exited(how) => Some(how),
            ProcessState::Running => None,
        }
    }

    /// Lets a fault strike instead of the process's `write`-th write to storage from now on. Returns whether that is possible.
    pub fn arm(&self, write: u32, fault: WriteFault) -> bool {
        let armed = self.handle.arm(write, fault);
        if armed && fault == WriteFault::End {
            // The interceptor kills the process at any time from now on.
            self.mark_killed();
        }
        armed
    }

    /// Cancels [`Process::arm`]. Returns whether the fault struck.
    pub fn disarm(&self) -> bool {
        let triggered = self.handle.disarm();
        if !triggered {
            *self.killed.lock() = false;
        }
        triggered
    }

    /// Brings an app that was launched in the background to the foreground, where a hook of its device can. Returns whether one did.
    pub async fn bring_to_foreground(&self) -> Result<bool, StartError> {
        self.handle.bring_to_foreground().await
    }

    /// Kills the process (SIGKILL) and waits until it has exited.
    pub async fn kill(&self) {
        *self.killed.lock() = true;
        self.handle.kill().await;
    }

    /// Records that the harness kills the process, for example for an injected fault.
    pub fn mark_killed(&self) {
        *self.killed.lock() = true;
    }
}

/// The versions of the protocol that this harness speaks, in words.
fn versions() -> String {
    if MIN_VERSION == VERSION { VERSION.to_string() } else { format!("{MIN_VERSION} to {VERSION}") }
}

/// The exit status of a process of which only the connection is known.
pub(super) const CONNECTION_CLOSED: &str = "the connection was closed";
/// The exit status of a process that stopped in order.
pub(super) const CLEAN_EXIT: &str = "exit code 0";

impl Drop for Process {
    fn drop(&mut self) {
        // A process does not outlive its case.
        self.handle.kill_now();
    }
}
