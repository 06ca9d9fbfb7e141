//! The process of an app that Vouch did not start itself: the connection to it, and the hooks that end it.

use super::super::StartError;
use super::super::process::{CONNECTION_CLOSED, ProcessHandle, ProcessState};
use super::device::{DeviceHook, DeviceSpec};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use vouch_sim::reference::sdk::ports::WriteFault;
use vouch_spec::protocol::Violation;

/// See the module.
pub(super) struct RemoteProcess {
    device: DeviceSpec,
    /// The values of the variables of its hooks.
    values: Vec<(String, String)>,
    /// How long its connection may stay open after it was killed.
    stop: Duration,
    conversation: OnceLock<AbortHandle>,
    state: watch::Sender<ProcessState>,
    /// A hook has ended it. The end of the connection does not mean the end of an app.
    ended: AtomicBool,
    failed_kill: Arc<Mutex<Option<StartError>>>,
}

impl RemoteProcess {
    /// Starts the conversation with the app.
    pub fn spawn(
        conversation: impl Future<Output = Violation> + Send + 'static,
        (device, values): (DeviceSpec, Vec<(String, String)>),
        stop: Duration,
        failed_kill: Arc<Mutex<Option<StartError>>>,
    ) -> Arc<Self> {
        let state = watch::channel(ProcessState::Running).0;
        let process = Arc::new(Self {
            device,
            values,
            stop,
            conversation: OnceLock::new(),
            state,
            ended: AtomicBool::new(false),
            failed_kill,
        });
        let task = tokio::spawn({
            let state = process.state.clone();
            async move {
                conversation.await;
                state.send_replace(ProcessState::Exited(CONNECTION_CLOSED.into()));
            }
        });
        let _ = process.conversation.set(task.abort_handle());
        process
    }

    /// Runs a hook that ends the app, unless one has ended it. Returns whether the app has ended.
    async fn end_by(&self, hook: DeviceHook) -> bool {
        if !self.device.has(hook) || self.ended.swap(true, Ordering::Relaxed) {
            return true;
        }
        if let Err(error) = self.device.run(hook, &self.values).await {
            *self.failed_kill.lock() = Some(error);
            return false;
        }
        let mut state = self.state.subscribe();
        let closed = state.wait_for(|state| *state != ProcessState::Running);
        if tokio::time::timeout(self.stop, closed).await.is_err() {
            let what = format!("the app is still connected {:?} after the device hook `{hook}`", self.stop);
            *self.failed_kill.lock() = Some(StartError::new(&what, &"it must end the app's process"));
            return false;
        }
        true
    }
}

#[async_trait]
impl ProcessHandle for RemoteProcess {
    async fn kill(&self) {
        self.end_by(DeviceHook::Kill).await;
        self.kill_now();
    }

    fn kill_now(&self) {
        if let Some(conversation) = self.conversation.get() {
            conversation.abort();
        }
        self.state.send_if_modified(|state| {
            let was_running = *state == ProcessState::Running;
            if was_running {
                *state = ProcessState::Exited(CONNECTION_CLOSED.into());
            }
            was_running
        });
    }

    async fn end_in_order(&self) -> bool {
        self.end_by(DeviceHook::Terminate).await
    }

    async fn bring_to_foreground(&self) -> Result<bool, StartError> {
        let can = self.device.can_wake();
        if can {
            self.device.run(DeviceHook::Launch, &self.values).await?;
        }
        Ok(can)
    }

    fn state(&self) -> watch::Receiver<ProcessState> {
        self.state.subscribe()
    }

    fn arm(&self, _: u32, _: WriteFault) -> bool {
        false
    }

    fn disarm(&self) -> bool {
        false
    }

    fn cpu_wait(&self) -> Option<Duration> {
        None
    }

    fn stderr_tail(&self) -> String {
        String::new()
    }

    fn take_stderr(&self) -> String {
        String::new()
    }
}
