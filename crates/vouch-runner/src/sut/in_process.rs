//! The reference SDK in the process of the harness: the same adapter protocol over an in-memory pipe.

use super::Deadlines;
use super::callback_binding::CallbackBinding;
use super::process::{CLEAN_EXIT, HostCallbacks, Process, ProcessHandle, ProcessState};
use async_trait::async_trait;
use std::sync::{Arc, OnceLock};
use tokio::io::duplex;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use vouch_sim::reference::adapter::{SdkFactory, TimeSource, serve};
use vouch_sim::reference::sdk::ports::{ProcessLifetime, WriteFault};
use vouch_spec::protocol::{MAX_UNSOLICITED, connect};

/// An adapter that runs as a task of this process.
struct InProcessAdapter {
    life: ProcessLifetime,
    adapter: OnceLock<AbortHandle>,
    state: watch::Sender<ProcessState>,
}

pub(super) fn launch(
    factory: Arc<dyn SdkFactory>,
    time: TimeSource,
    callbacks: Arc<dyn HostCallbacks>,
    deadlines: Deadlines,
) -> Process {
    let (near, far) = duplex(64 * 1024);
    let (near_read, near_write) = tokio::io::split(near);
    let (far_read, far_write) = tokio::io::split(far);
    let life = ProcessLifetime::default();
    let (state, _) = watch::channel(ProcessState::Running);
    let hosted = Arc::new(InProcessAdapter { life: life.clone(), adapter: OnceLock::new(), state });

    let adapter = tokio::spawn({
        let hosted = hosted.clone();
        async move {
            serve(far_read, far_write, factory, time, life).await;
            hosted.life.end();
            hosted.state.send_replace(ProcessState::Exited(CLEAN_EXIT.into()));
        }
    });
    let (peer, conversation) =
        connect(near_read, near_write, MAX_UNSOLICITED, |_| Arc::new(CallbackBinding::new(callbacks)));
    tokio::spawn(conversation);
    let _ = hosted.adapter.set(adapter.abort_handle());
    Process::new(peer, hosted, deadlines)
}

#[async_trait]
impl ProcessHandle for InProcessAdapter {
    async fn kill(&self) {
        self.kill_now();
        // An abort takes effect when the task next yields; until then the adapter can still answer.
        while self.adapter.get().is_some_and(|adapter| !adapter.is_finished()) {
            tokio::time::sleep(std::time::Duration::from_micros(50)).await;
        }
    }

    fn kill_now(&self) {
        self.life.end();
        if let Some(adapter) = self.adapter.get() {
            adapter.abort();
        }
        self.state.send_if_modified(|state| {
            let was_running = *state == ProcessState::Running;
            if was_running {
                *state = ProcessState::Exited("killed".into());
            }
            was_running
        });
    }

    fn state(&self) -> watch::Receiver<ProcessState> {
        self.state.subscribe()
    }

    fn arm(&self, write: u32, fault: WriteFault) -> bool {
        self.life.fail_at_write(write, fault);
        true
    }

    fn disarm(&self) -> bool {
        let struck = self.life.clear_write_fault();
        if self.life.is_over() {
            self.kill_now();
            return true;
        }
        struck
    }

    fn cpu_wait(&self) -> Option<std::time::Duration> {
        // It runs on the harness's own threads, whose delay is measured.
        None
    }

    fn stderr_tail(&self) -> String {
        String::new()
    }

    fn take_stderr(&self) -> String {
        String::new()
    }
}
