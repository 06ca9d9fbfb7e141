//! The second process on the storage of the app: a widget, an app extension, a background service.

use super::super::device_error::DeviceError;
use super::Device;
use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    /// Set for calls to the second process.
    static SECOND: ();
}

/// Whether the calls of this task go to the second process.
pub(super) fn is_meant() -> bool {
    SECOND.try_with(|()| ()).is_ok()
}

impl Device {
    /// Makes calls in the second process, which is launched if it does not run.
    pub async fn in_second_process<R>(&self, calls: impl Future<Output = R>) -> Result<R, DeviceError> {
        SECOND
            .scope((), async {
                if !self.runs() {
                    self.launch_second_process().await?;
                }
                Ok(calls.await)
            })
            .await
    }

    async fn launch_second_process(&self) -> Result<(), DeviceError> {
        self.end_second_process().await;
        // The app does not see what this process notifies.
        let process = self.start_process(self.callbacks(Arc::default(), None)).await?;
        *self.second.lock() = Some(process.clone());
        if let Err(error) = process.initialize().await {
            return Err(process.explain(error).await.into());
        }
        self.start_sdk().await
    }

    /// Ends the second process, if there is one.
    pub(super) async fn end_second_process(&self) {
        let ended = self.second.lock().take();
        if let Some(process) = ended {
            process.kill().await;
            self.stderr.add(&process);
        }
    }
}
