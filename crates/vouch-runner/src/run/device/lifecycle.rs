//! Launch, stop, kill, reboot and reinstallation of the app.

use super::super::device_error::DeviceError;
use super::super::host_callbacks::{Notifications, SdkCallbacks};
use super::{Build, Called, Device, not_running, second_process};
use crate::installation::announced;
use crate::sut::{DeviceHook, SutError};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use vouch_sim::reference::sdk::AppState;
use vouch_sim::wire::UnreachableAddress;
use vouch_spec::base_url::BaseUrl;
use vouch_spec::protocol::SdkMethod;
use vouch_spec::protocol::message::{self, Area, Endpoint, Start};
use vouch_spec::step::BackupContent;

impl Device {
    /// Launches the app: a new process on the same storage. An app in the background comes to the foreground.
    pub async fn launch(&self) -> Result<(), DeviceError> {
        if self.is_in_background() {
            self.bring_to_foreground().await?;
        } else {
            self.launch_sdk(AppState::Foreground).await?;
        }
        self.app.launch(&self.storage.app()).await
    }

    /// Launches the app in the background.
    pub async fn wake(&self) -> Result<(), DeviceError> {
        // The app's own logic starts with its user interface.
        self.app.end().await;
        self.launch_sdk(AppState::Background).await
    }

    /// Whether the app runs in the background.
    pub fn is_in_background(&self) -> bool {
        self.runs() && *self.app_state.lock() == AppState::Background
    }

    async fn bring_to_foreground(&self) -> Result<(), DeviceError> {
        *self.app_state.lock() = AppState::Foreground;
        let process = self.running().ok_or_else(not_running)?;
        if process.bring_to_foreground().await.map_err(DeviceError::StartError)? {
            return Ok(());
        }
        match self.call::<Value>(SdkMethod::Foreground, json!({})).await? {
            Called::Ok(_) | Called::Killed => Ok(()),
            Called::Refused { text, .. } => {
                Err(SutError::new(format!("the adapter refused `foreground`: {text}")).into())
            }
        }
    }

    async fn launch_sdk(&self, app_state: AppState) -> Result<(), DeviceError> {
        if self.runs() {
            return Err(DeviceError::Scenario("the app runs already; close or kill it first".into()));
        }
        self.end_process().await;
        self.prepare_device().await?;
        let launch = self.clock.start_launch();
        self.launches.lock().push(self.transcript.len());
        *self.app_state.lock() = app_state;
        self.start_in_a_process(self.callbacks(self.notifications.clone(), Some(launch))).await
    }

    /// The callbacks of a process that starts. For `launch` see [`SdkCallbacks::launch`].
    pub(super) fn callbacks(&self, notifications: Arc<Mutex<Notifications>>, launch: Option<u64>) -> Arc<SdkCallbacks> {
        Arc::new(SdkCallbacks {
            clock: self.clock.case.clone(),
            clock_skew_ms: self.clock.skew_ms.clone(),
            notifications,
            authenticator: self.authenticator.lock().clone(),
            sleepers: self.clock.sleepers.clone(),
            launch,
        })
    }

    /// Before the first launch: empties the installation on the device, and lets it reach this machine's servers.
    async fn prepare_device(&self) -> Result<(), DeviceError> {
        let is_first = self.launches.lock().is_empty();
        if is_first {
            self.run_hook(DeviceHook::Clear).await?;
            self.reverse_ports().await?;
        }
        Ok(())
    }

    /// Makes the ports of this machine's servers reachable from the device, which forgets them when it reboots.
    async fn reverse_ports(&self) -> Result<(), DeviceError> {
        let Some(device) = self.config.role.device().filter(|device| device.has(DeviceHook::Reverse)) else {
            return Ok(());
        };
        for port in self.ports() {
            let values = device.values().into_iter().chain([("port".to_owned(), port)]).collect::<Vec<_>>();
            device.run(DeviceHook::Reverse, &values).await.map_err(DeviceError::StartError)?;
        }
        Ok(())
    }

    /// The ports of this machine's servers that the app calls.
    fn ports(&self) -> BTreeSet<String> {
        let urls = self.config.endpoints.iter().flatten().flat_map(|endpoint| [&endpoint.api, &endpoint.auth]);
        urls.filter_map(|url| url.parse::<BaseUrl>().ok()).map(|url| url.port.to_string()).collect()
    }

    /// Runs a hook of the device, if it has it.
    pub(super) async fn run_hook(&self, hook: DeviceHook) -> Result<Option<String>, DeviceError> {
        match self.config.role.device() {
            Some(device) if device.has(hook) => {
                device.run(hook, &device.values()).await.map(Some).map_err(DeviceError::StartError)
            }
            _ => Ok(None),
        }
    }

    pub(super) fn start_params(&self) -> Start {
        let profile = self.config.profile.now();
        let (profile, custom) = announced(profile);
        Start {
            profile,
            custom,
            storage: message::Storage {
                secure: self.storage.area(Area::Secure),
                plain: self.storage.area(Area::Plain),
                volatile: self.storage.area(Area::Volatile),
                locked: *self.locked.lock(),
            },
            background: *self.app_state.lock() == AppState::Background && !second_process::is_meant(),
            endpoints: self.reachable_endpoints(),
            now: self.clock.time_at_launch(),
            request_timeout_ms: u64::try_from(self.config.request_timeout.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The endpoints, with addresses where nothing answers for unreachable servers.
    fn reachable_endpoints(&self) -> Vec<Endpoint> {
        let unreachable = self.unreachable.lock();
        let url = |host: &Option<UnreachableAddress>, usual: &str| {
            let url = host.as_ref().map_or(usual, |unreachable| unreachable.url.as_str());
            self.config.role.device().map_or_else(|| url.to_owned(), |device| device.seen_from_device(url))
        };
        let replaced = |endpoint: &Endpoint| Endpoint {
            auth: url(&unreachable.auth, &endpoint.auth),
            api: url(&unreachable.api, &endpoint.api),
            ..endpoint.clone()
        };
        self.endpoints().iter().map(replaced).collect()
    }

    /// Stops the app in order.
    pub async fn stop(&self) -> Result<(), DeviceError> {
        let process = self.running().ok_or_else(not_running)?;
        let owed = self.clock.case.begin_call();
        let (stopped, app) = (self.stop_process(&process).await, self.app.stop().await);
        drop(owed);
        self.end_process().await;
        stopped.map_err(DeviceError::from).and(app)
    }

    /// Kills the app (SIGKILL), if it runs.
    pub async fn kill(&self) {
        let process = self.running();
        if let Some(process) = &process {
            // Before anything else can notice that the app is gone.
            process.mark_killed();
        }
        self.app.kill().await;
        if let Some(process) = process {
            process.kill().await;
        }
    }

    /// Puts a build in the place of the installed one and launches it on the same storage. An update ends the app.
    pub async fn install(&self, build: Build) -> Result<(), DeviceError> {
        self.end_second_process().await;
        if self.runs() {
            self.stop().await?;
        }
        self.end_process().await;
        *self.build.lock() = build;
        self.config.profile.enter(build.era());
        self.launch().await
    }

    /// Kills the app and ends every process on its storage.
    async fn end_every_process(&self) {
        self.end_second_process().await;
        self.kill().await;
        self.end_process().await;
    }

    /// Restores a backup of this device on a new one, and goes on there. Volatile storage is in no backup.
    pub async fn restore(&self, content: BackupContent) -> Result<(), DeviceError> {
        self.end_every_process().await;
        self.storage.empty(Area::Volatile)?;
        self.storage.empty_temporary()?;
        let hook = match content {
            BackupContent::Plain => {
                self.storage.empty(Area::Secure)?;
                DeviceHook::RestoreWithoutSecure
            }
            BackupContent::Everything => DeviceHook::Restore,
        };
        self.run_hook(hook).await?;
        self.launch().await
    }

    /// Reboots the device: kills the app, empties volatile storage and launches the app again.
    pub async fn reboot(&self) -> Result<(), DeviceError> {
        self.end_every_process().await;
        self.storage.empty(Area::Volatile)?;
        self.storage.empty_temporary()?;
        if self.run_hook(DeviceHook::Reboot).await?.is_some() {
            self.reverse_ports().await?;
        }
        self.launch().await
    }

    /// Removes the app and installs it again.
    pub async fn reinstall(&self, keeps_secure: bool) -> Result<(), DeviceError> {
        self.end_every_process().await;
        self.storage.empty(Area::Plain)?;
        self.storage.empty(Area::Volatile)?;
        self.storage.empty_app()?;
        self.storage.empty_temporary()?;
        if !keeps_secure {
            self.storage.empty(Area::Secure)?;
        }
        let hook = if keeps_secure { DeviceHook::ReinstallKeepingSecure } else { DeviceHook::Reinstall };
        self.run_hook(hook).await?;
        self.launch().await
    }

    /// Ends every process of the case. After a case that passed, a process that claims `reuse` is kept for another case.
    pub async fn shut_down(&self, passed: bool) {
        self.end_second_process().await;
        self.app.kill().await;
        if passed {
            self.give_back_process().await;
        }
        self.end_process().await;
    }
}
