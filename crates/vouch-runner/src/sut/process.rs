//! One launched process on a role, hosted here or a child, and calls to it.

use super::Deadlines;
use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use vouch_spec::protocol::message::{Harness, Initialize, Initialized};
use vouch_spec::protocol::{CallError, Handler, Peer, Refusal, VERSION};

/// What the harness hears from a process.
#[async_trait]
pub trait HostCallbacks: Send + Sync + 'static {
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal>;
    fn notification(&self, method: &str, params: Value);
}

/// For a process that is only asked for its name.
pub(super) struct IgnoreCallbacks;

#[async_trait]
impl HostCallbacks for IgnoreCallbacks {
    async fn request(&self, method: &str, _: Value) -> Result<Value, Refusal> {
        Err(Refusal::unknown_method(method))
    }

    fn notification(&self, _: &str, _: Value) {}
}

pub(super) struct HostCallbackHandler(pub Arc<dyn HostCallbacks>);

#[async_trait]
impl Handler for HostCallbackHandler {
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        self.0.request(method, params).await
    }

    fn notification(&self, method: &str, params: Value) {
        self.0.notification(method, params);
    }
}

/// What is wrong with the process itself, not with an answer of its SDK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SutError {
    /// Names the fault, for example "the adapter did not answer `status` within 10s".
    pub what: String,
    /// It was the harness that ended the process.
    pub killed_by_us: bool,
    /// The tail of standard error, where the process is not at hand any more to ask.
    pub stderr: String,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Running,
    Ended(String),
}

/// Ends a process at once, from anywhere.
#[derive(Clone)]
pub struct EndWatcher(pub(super) Arc<dyn ProcessHandle>);

/// How a process is watched and ended.
#[async_trait]
pub(super) trait ProcessHandle: Send + Sync {
    /// SIGKILL, or its like. Returns when the process is gone.
    async fn kill(&self);
    /// SIGKILL without waiting.
    fn kill_now(&self);
    fn end(&self) -> watch::Receiver<End>;
    /// Ends the process instead of its `writes`-th write to storage from now on; whether that can be done.
    fn arm(&self, writes: u32) -> bool;
    /// Whether the process was ended so.
    fn disarm(&self) -> bool;
    /// The last of what it wrote to standard error.
    fn stderr_tail(&self) -> String;
    /// What it wrote to standard error since the last time this was asked.
    fn take_stderr(&self) -> String;
}

impl EndWatcher {
    pub async fn kill(&self) {
        self.0.kill().await;
    }
}

/// A launched process.
pub struct Process {
    peer: Peer,
    watch: Arc<dyn ProcessHandle>,
    deadlines: Deadlines,
    killed: Mutex<bool>,
}

impl Process {
    pub(super) fn new(peer: Peer, watch: Arc<dyn ProcessHandle>, deadlines: Deadlines) -> Self {
        Self { peer, watch, deadlines, killed: Mutex::new(false) }
    }

    /// The first call: settles the protocol version and learns the capabilities.
    pub async fn initialize(&self) -> Result<Initialized, SutError> {
        let harness = Harness { name: "vouch".into(), version: env!("CARGO_PKG_VERSION").into() };
        let answer = self.call::<Initialized>("initialize", Initialize { protocol: VERSION, harness }).await?;
        match answer {
            Ok(told) if told.protocol == VERSION => Ok(told),
            Ok(told) => {
                Err(trouble(format!("the adapter speaks protocol {}, this harness speaks {VERSION}", told.protocol)))
            }
            Err(refusal) => Err(trouble(format!("the adapter refused `initialize`: {}", refusal.message))),
        }
    }

    /// Calls the SDK. The outer error is the process's trouble, the inner one the SDK's refusal.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
    ) -> Result<Result<R, Refusal>, SutError> {
        let begun = self.peer.begin(method, params);
        self.resolve(method, begun.finish(self.deadlines.call).await)
    }

    /// Calls the SDK and has the caller cancel it as soon as `when` is done.
    pub async fn call_and_cancel<R: DeserializeOwned>(
        &self,
        method: &str,
        params: impl Serialize,
        when: impl Future<Output = ()>,
    ) -> Result<Result<R, Refusal>, SutError> {
        let begun = self.peer.begin(method, params);
        let id = begun.id;
        let mut finished = std::pin::pin!(begun.finish(self.deadlines.call));
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

    fn resolve<R>(&self, method: &str, result: Result<R, CallError>) -> Result<Result<R, Refusal>, SutError> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(CallError::Refused(refusal)) => Ok(Err(refusal)),
            Err(CallError::Late(after)) => {
                Err(self.mark(format!("the adapter did not answer `{method}` within {after:?} (hung?)")))
            }
            Err(CallError::Broken(breach)) => {
                Err(self.mark(format!("during `{method}`, the adapter failed: {breach}")))
            }
        }
    }

    fn mark(&self, what: String) -> SutError {
        SutError { killed_by_us: *self.killed.lock().unwrap_or_else(PoisonError::into_inner), ..trouble(what) }
    }

    /// Adds how the process ended to a trouble, if it ended by itself.
    pub async fn explain(&self, mut trouble: SutError) -> SutError {
        let mut end = self.watch.end();
        let ended = tokio::time::timeout(Duration::from_millis(300), end.wait_for(|end| *end != End::Running)).await;
        if let Ok(Ok(end)) = ended
            && let End::Ended(how) = &*end
            && !trouble.killed_by_us
        {
            trouble.what.push_str(&format!("; the process ended: {how}"));
        }
        trouble.stderr = self.stderr_tail();
        trouble
    }

    /// Whether it can be talked to.
    pub fn is_alive(&self) -> bool {
        self.peer.breach().is_none() && !*self.killed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stderr_tail(&self) -> String {
        self.watch.stderr_tail()
    }

    /// What it wrote to standard error since the last time this was asked.
    pub fn take_stderr(&self) -> String {
        self.watch.take_stderr()
    }

    pub fn watcher(&self) -> EndWatcher {
        EndWatcher(self.watch.clone())
    }

    /// An orderly end: `stop`, its answer, end of input, end of process.
    pub async fn stop(&self) -> Result<(), SutError> {
        match self.call::<Value>("stop", json!({})).await? {
            Ok(_) => {}
            Err(refusal) => return Err(trouble(format!("the adapter refused `stop`: {}", refusal.message))),
        }
        let mut end = self.watch.end();
        self.peer.hang_up();
        let ended = async { end.wait_for(|end| *end != End::Running).await.map_or(End::Running, |end| end.clone()) };
        match tokio::time::timeout(self.deadlines.stop, ended).await.unwrap_or(End::Running) {
            End::Ended(how) if how == CLEAN => Ok(()),
            End::Ended(how) => Err(trouble(format!("the adapter answered `stop` and then ended badly: {how}"))),
            End::Running => {
                self.watch.kill().await;
                Err(trouble(format!(
                    "the adapter answered `stop` but was still running {:?} later",
                    self.deadlines.stop
                )))
            }
        }
    }

    /// Ends the process instead of its `writes`-th write to storage from now on; whether that can be done.
    pub fn arm(&self, writes: u32) -> bool {
        let armed = self.watch.arm(writes);
        if armed {
            // Whatever ends it now, it is our doing.
            self.expect_death();
        }
        armed
    }

    /// Takes that back; whether it has happened.
    pub fn disarm(&self) -> bool {
        let struck = self.watch.disarm();
        if !struck {
            *self.killed.lock().unwrap_or_else(PoisonError::into_inner) = false;
        }
        struck
    }

    /// SIGKILL.
    pub async fn kill(&self) {
        *self.killed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.watch.kill().await;
    }

    /// Says that somebody else (a fault on the wire) has killed it on purpose.
    pub fn expect_death(&self) {
        *self.killed.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

/// How an orderly end is told.
pub(super) const CLEAN: &str = "exit code 0";

pub(crate) fn trouble(what: String) -> SutError {
    SutError { what, killed_by_us: false, stderr: String::new() }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whatever happens to a case, its process does not outlive it.
        self.watch.kill_now();
    }
}
