//! The app of a virtual user with its SDK, on a device of its own: the reference SDK in this process, or a process of the SDK of the
//! target file.

use super::device::{AdjustableClock, MemoryStorage};
use super::http_client::JourneyClient;
use super::results::{ActionError, sdk_refusal, sdk_result};
use super::sdk_calls::SdkNetwork;
use super::sdk_process::{ProcessApp, SdkProcesses};
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::reference::sdk::policy::DefaultSdkPolicy;
use vouch_sim::reference::sdk::{AppState, Sdk, SdkEnvironment};
use vouch_spec::step::StepResult;

/// What a step of the app comes to.
pub type ActionResult = Result<StepResult, ActionError>;

/// The app of one virtual user.
pub enum App {
    Reference(ReferenceApp),
    Process(Box<ProcessApp>),
}

impl App {
    /// An app of the SDK in `processes`, else of the reference SDK.
    pub fn new(client: Arc<JourneyClient>, processes: Option<Arc<SdkProcesses>>) -> Self {
        match processes {
            Some(processes) => Self::Process(Box::new(ProcessApp::new(client, processes))),
            None => Self::Reference(ReferenceApp::new(client)),
        }
    }

    /// Installs the app before the load, so that its process has started when the load does.
    pub async fn prepare(&mut self) -> Result<(), ActionError> {
        match self {
            Self::Reference(_) => Ok(()),
            Self::Process(app) => app.prepare().await,
        }
    }

    /// Installs the app again: the device is empty, and its clock is right.
    pub async fn install(&mut self) -> Result<(), ActionError> {
        match self {
            Self::Reference(app) => {
                *app = ReferenceApp::new(app.client.clone());
                Ok(())
            }
            Self::Process(app) => app.install().await,
        }
    }

    /// Launches the app again on the same storage.
    pub async fn relaunch(&mut self) -> ActionResult {
        match self {
            Self::Reference(app) => {
                app.sdk = launch(&app.client, &app.storage, &app.time);
                Ok(StepResult::Done)
            }
            Self::Process(app) => app.relaunch().await,
        }
    }

    /// Advances the clock of the device.
    pub fn advance(&self, by: Duration) {
        match self {
            Self::Reference(app) => app.time.advance(by),
            Self::Process(app) => app.clock.advance(by),
        }
    }

    pub async fn configure(&mut self) -> ActionResult {
        match self {
            Self::Reference(app) => {
                Ok(sdk_result(app.sdk.configure(&app.client.bases.key, app.client.load_target.realm)))
            }
            Self::Process(app) => app.configure().await,
        }
    }

    pub async fn set_user_id(&mut self, id: &str) -> ActionResult {
        match self {
            Self::Reference(app) => Ok(sdk_result(app.sdk.set_user_id(id))),
            Self::Process(app) => app.set_user_id(id).await,
        }
    }

    pub async fn sign_in(&mut self, token: &str) -> ActionResult {
        match self {
            Self::Reference(app) => Ok(sdk_result(app.sdk.sign_in(token).await)),
            Self::Process(app) => app.sign_in(token).await,
        }
    }

    pub async fn sign_out(&mut self) -> ActionResult {
        match self {
            Self::Reference(app) => Ok(sdk_result(app.sdk.sign_out())),
            Self::Process(app) => app.sign_out().await,
        }
    }

    pub async fn refresh(&mut self) -> ActionResult {
        match self {
            Self::Reference(app) => Ok(sdk_result(app.sdk.refresh().await)),
            Self::Process(app) => app.refresh().await,
        }
    }

    /// Makes an API call with the SDK's own credential.
    pub async fn request(&mut self, method: &str, path: &str) -> ActionResult {
        match self {
            Self::Reference(app) => Ok(match app.sdk.request(method, path).await {
                Ok(answer) => StepResult::Http { status: answer.status },
                Err(error) => sdk_refusal(error),
            }),
            Self::Process(app) => app.request(method, path).await,
        }
    }
}

/// The reference SDK in this process.
pub struct ReferenceApp {
    client: Arc<JourneyClient>,
    time: Arc<AdjustableClock>,
    storage: Arc<MemoryStorage>,
    sdk: Arc<Sdk>,
}

impl ReferenceApp {
    fn new(client: Arc<JourneyClient>) -> Self {
        let (time, storage) = (Arc::default(), Arc::default());
        let sdk = launch(&client, &storage, &time);
        Self { client, time, storage, sdk }
    }
}

/// Starts the SDK on the user's storage.
fn launch(client: &Arc<JourneyClient>, storage: &Arc<MemoryStorage>, time: &Arc<AdjustableClock>) -> Arc<Sdk> {
    Sdk::launch(SdkEnvironment {
        policy: Arc::new(DefaultSdkPolicy),
        profile: client.load_target.profile.clone(),
        storage: storage.clone(),
        net: Arc::new(SdkNetwork(client.clone())),
        time: time.clone(),
        app_state: AppState::Foreground,
        on_status: Box::new(|_| {}),
    })
}
