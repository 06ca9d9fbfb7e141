//! The reference SDK hosted in this process: the same protocol, over a pipe in memory.

use super::Deadlines;
use super::process::{CLEAN, End, HostCallbackHandler, HostCallbacks, Process, ProcessHandle};
use async_trait::async_trait;
use std::sync::{Arc, OnceLock};
use tokio::io::duplex;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use vouch_sim::reference::adapter::{SdkFactory, TimeSource, serve};
use vouch_sim::reference::sdk::ports::Life;
use vouch_spec::protocol::{MAX_UNASKED, connect};

struct Hosted {
    life: Life,
    adapter: OnceLock<AbortHandle>,
    end: watch::Sender<End>,
}

pub(super) fn launch(
    assembly: Arc<dyn SdkFactory>,
    time: TimeSource,
    callbacks: Arc<dyn HostCallbacks>,
    deadlines: Deadlines,
) -> Process {
    let (near, far) = duplex(64 * 1024);
    let (near_read, near_write) = tokio::io::split(near);
    let (far_read, far_write) = tokio::io::split(far);
    let life = Life::default();
    let (end, _) = watch::channel(End::Running);
    let hosted = Arc::new(Hosted { life: life.clone(), adapter: OnceLock::new(), end });

    let adapter = tokio::spawn({
        let hosted = hosted.clone();
        async move {
            serve(far_read, far_write, assembly, time, life).await;
            hosted.life.end();
            hosted.end.send_replace(End::Ended(CLEAN.into()));
        }
    });
    let (peer, conversation) =
        connect(near_read, near_write, MAX_UNASKED, |_| Arc::new(HostCallbackHandler(callbacks)));
    tokio::spawn(conversation);
    let _ = hosted.adapter.set(adapter.abort_handle());
    Process::new(peer, hosted, deadlines)
}

#[async_trait]
impl ProcessHandle for Hosted {
    async fn kill(&self) {
        self.kill_now();
        // An abort takes effect when the task next yields; until then it could still answer.
        while self.adapter.get().is_some_and(|adapter| !adapter.is_finished()) {
            tokio::time::sleep(std::time::Duration::from_micros(50)).await;
        }
    }

    fn kill_now(&self) {
        self.life.end();
        if let Some(adapter) = self.adapter.get() {
            adapter.abort();
        }
        self.end.send_if_modified(|end| {
            let was_running = *end == End::Running;
            if was_running {
                *end = End::Ended("killed".into());
            }
            was_running
        });
    }

    fn end(&self) -> watch::Receiver<End> {
        self.end.subscribe()
    }

    fn arm(&self, writes: u32) -> bool {
        self.life.end_at_write(writes);
        true
    }

    fn disarm(&self) -> bool {
        self.life.end_at_write(0);
        let struck = self.life.is_over();
        if struck {
            self.kill_now();
        }
        struck
    }

    fn stderr_tail(&self) -> String {
        String::new()
    }

    fn take_stderr(&self) -> String {
        String::new()
    }
}
