//! The processes of the SDK on a device: started for a launch, or taken from those that served other cases.

use super::super::device_error::DeviceError;
use super::{Build, Called, Device, second_process};
use crate::sut::{HostCallbacks, LaunchOptions, Process, ProcessPool, SutError, WatchFiles};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use vouch_sim::reference::sdk::AppState;
use vouch_spec::protocol::SdkMethod;

impl Device {
    /// Launches the SDK in an idle process, else in a new one.
    pub(super) async fn start_in_a_process(&self, callbacks: Arc<dyn HostCallbacks>) -> Result<(), DeviceError> {
        let pool = self.pool();
        let idle = pool.and_then(|pool| Some((pool, pool.take(&self.used.lock(), &callbacks, &self.outside)?)));
        if let Some((pool, process)) = idle {
            match self.start_again(process).await {
                // What is wrong with the SDK shows in a new process, too.
                Err(DeviceError::Adapter(error)) if !error.killed_by_us => {
                    pool.lose(&error.what);
                    self.end_process().await;
                }
                started => return started,
            }
        }
        let process = self.start_process(callbacks).await?;
        self.use_process(&process);
        if let Err(error) = process.initialize().await {
            return Err(process.explain(error).await.into());
        }
        if let Some((write, fault)) = self.armed_for_launch.lock().take() {
            self.arm(write, fault)?;
        }
        self.start_sdk().await
    }

    /// The idle processes of the installed build, if there are any.
    fn pool(&self) -> Option<&Arc<ProcessPool>> {
        self.config.pool.as_ref().filter(|_| self.build() == Build::UnderTest)
    }

    /// Launches the SDK in a process that served another case.
    async fn start_again(&self, process: Arc<Process>) -> Result<(), DeviceError> {
        if let Some(folder) = process.temporary() {
            self.outside.exclude(folder);
            self.storage.adopt_temporary(folder)?;
        }
        self.reuse_matters.store(true, Ordering::Relaxed);
        self.use_process(&process);
        self.start_sdk().await
    }

    pub(super) async fn start_process(&self, callbacks: Arc<dyn HostCallbacks>) -> Result<Arc<Process>, DeviceError> {
        // A process that can serve another case later has a folder of its own for temporary files.
        let own = self
            .pool()
            .filter(|_| !second_process::is_meant())
            .map(|_| crate::temporary_folder::create())
            .transpose()?;
        if let Some(own) = &own {
            self.outside.exclude(own.path());
            self.storage.adopt_temporary(own.path())?;
        }
        let temp_dir = self.storage.temporary();
        let options = LaunchOptions {
            watch: self.watch(),
            temp_dir: Some(&temp_dir),
            environment: &self.config.environment,
            background: *self.app_state.lock() == AppState::Background,
        };
        let launched = self.role()?.launch(callbacks, self.config.deadlines, options).await;
        let process = launched?;
        if let (Some(pool), Some(own)) = (self.pool(), own) {
            pool.count_start();
            process.own_temporary(own);
        }
        Ok(Arc::new(process))
    }

    /// What the kernel tells of the files of a process. The files of the build before are not watched: what it does wrong is
    /// not reported.
    fn watch(&self) -> Option<WatchFiles<'_>> {
        let intercept_below = self.config.intercept_writes.then(|| self.storage.root());
        let notes = self.config.watches_files && self.build() == Build::UnderTest;
        (notes || intercept_below.is_some()).then_some(WatchFiles { outside: &self.outside, intercept_below })
    }

    fn use_process(&self, process: &Arc<Process>) {
        self.used.lock().push(Arc::downgrade(process));
        *self.process.lock() = Some(process.clone());
    }

    /// Calls `start`.
    pub(super) async fn start_sdk(&self) -> Result<(), DeviceError> {
        match self.call::<Value>(SdkMethod::Start, self.start_params()).await? {
            Called::Ok(_) | Called::Killed => Ok(()),
            Called::Refused { text, .. } => Err(SutError::new(format!("the adapter refused `start`: {text}")).into()),
        }
    }

    /// Calls `stop`. The process exits, or goes back to the idle ones.
    pub(super) async fn stop_process(&self, process: &Arc<Process>) -> Result<(), SutError> {
        match self.config.pool.as_ref().filter(|pool| pool.wants(process)) {
            None => process.stop().await,
            Some(pool) => self.stop_and_keep(pool, process).await,
        }
    }

    /// Puts the running process back to the idle ones, if it can serve another case.
    pub(super) async fn give_back_process(&self) {
        let Some(process) = self.running() else { return };
        let Some(pool) = self.config.pool.as_ref().filter(|pool| pool.wants(&process)) else { return };
        let _owed = self.clock.case.begin_call();
        // An error is counted, and the process is killed.
        let _ = self.stop_and_keep(pool, &process).await;
    }

    async fn stop_and_keep(&self, pool: &ProcessPool, process: &Arc<Process>) -> Result<(), SutError> {
        let stopped = pool.stop(process, self.config.deadlines.stop).await;
        if stopped.is_err() {
            // Whether the SDK or the claim `reuse` is wrong shows in a new process.
            self.reuse_matters.store(true, Ordering::Relaxed);
        }
        if stopped? {
            // What it wrote belongs to this case, and must be taken before another case gets the process.
            self.stderr.add(process);
            *self.process.lock() = None;
            match self.storage.keep_temporary() {
                Ok(()) => pool.put(process.clone()),
                Err(error) => pool.lose(&format!("its temporary files cannot be moved: {error}")),
            }
        }
        Ok(())
    }

    /// Ends the SDK's process, if there is one, and keeps its standard error and its temporary files.
    pub(super) async fn end_process(&self) {
        let ended = self.process.lock().take();
        if let Some(process) = ended {
            process.kill().await;
            self.stderr.add(&process);
            // The folder of the process is removed with it.
            if let Err(error) = self.storage.keep_temporary() {
                self.stderr.note(&format!("[vouch: its temporary files cannot be moved: {error}]\n"));
            }
        }
    }
}
