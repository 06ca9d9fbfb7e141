//! The app of a device with its SDK: in this process, or in processes of its own.

use super::in_process::InProcess;
use super::network::DeviceNetwork;
use super::processes::Processes;
use super::record::Foreground;
use crate::forecast::BuildSdk;
use std::sync::Arc;
use vouch_runner::installation::InstallationError;
use vouch_sim::reference::sdk::SdkError;
use vouch_spec::protocol::StatusWord;

/// What a call of the SDK comes to; none if it does not end, or its process ended.
pub(super) type Called<T> = Option<Result<T, SdkError>>;

pub(super) enum App {
    InProcess(InProcess),
    Processes(Box<Processes>),
}

impl App {
    pub async fn new(sdk: &BuildSdk, network: Arc<DeviceNetwork>) -> Result<Self, InstallationError> {
        Ok(match sdk {
            BuildSdk::InProcess(factory) => Self::InProcess(InProcess::new(factory.clone(), network)),
            BuildSdk::Processes(sdk) => Self::Processes(Box::new(Processes::new(sdk.clone(), network).await?)),
        })
    }

    /// Whether there is a process, even if it was killed and nobody has noticed yet.
    pub fn has_process(&self) -> bool {
        match self {
            Self::InProcess(app) => app.has_process(),
            Self::Processes(app) => app.has_process(),
        }
    }

    /// Whether its process runs.
    pub fn runs(&self) -> bool {
        match self {
            Self::InProcess(app) => app.runs(),
            Self::Processes(app) => app.runs(),
        }
    }

    /// Launches the app in a new process.
    pub async fn launch(&mut self, foreground: Foreground) -> Result<(), InstallationError> {
        match self {
            Self::InProcess(app) => {
                app.launch(foreground);
                Ok(())
            }
            Self::Processes(app) => app.launch(foreground).await,
        }
    }

    /// Ends its process at once.
    pub async fn kill(&mut self) {
        match self {
            Self::InProcess(app) => app.kill(),
            Self::Processes(app) => app.kill().await,
        }
    }

    /// Brings the app to the foreground.
    pub async fn come_to_foreground(&mut self) -> Result<(), InstallationError> {
        match self {
            Self::InProcess(app) => {
                app.come_to_foreground();
                Ok(())
            }
            Self::Processes(app) => app.come_to_foreground().await,
        }
    }

    /// Locks or unlocks secure storage.
    pub async fn set_locked(&mut self, locked: bool) -> Result<(), InstallationError> {
        match self {
            Self::InProcess(app) => {
                app.set_locked(locked);
                Ok(())
            }
            Self::Processes(app) => app.set_locked(locked).await,
        }
    }

    /// Empties what does not outlast a restart of the device. Nothing runs.
    pub async fn reboot(&mut self) -> Result<(), InstallationError> {
        match self {
            Self::InProcess(app) => {
                app.reboot();
                Ok(())
            }
            Self::Processes(app) => app.reboot().await,
        }
    }

    pub async fn sign_in(&mut self, token: &str) -> Result<Called<()>, InstallationError> {
        match self {
            Self::InProcess(app) => Ok(app.sign_in(token).await),
            Self::Processes(app) => app.sign_in(token).await,
        }
    }

    pub async fn sign_out(&mut self) -> Result<(), InstallationError> {
        match self {
            Self::InProcess(app) => {
                app.sign_out();
                Ok(())
            }
            Self::Processes(app) => app.sign_out().await,
        }
    }

    /// Makes an API call and returns the status of its answer.
    pub async fn request(&mut self, path: &str) -> Result<Called<u16>, InstallationError> {
        match self {
            Self::InProcess(app) => Ok(app.request(path).await),
            Self::Processes(app) => app.request(path).await,
        }
    }

    pub async fn status(&mut self) -> Result<Called<Vec<StatusWord>>, InstallationError> {
        match self {
            Self::InProcess(app) => Ok(app.status()),
            Self::Processes(app) => app.status().await,
        }
    }
}
