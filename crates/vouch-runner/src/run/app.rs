//! The app of a case: its user, its reconciliation, and its access to the SDK and to its backend.

use super::app_process::Reconciled;
use super::backends::Backends;
use super::context::CaseContext;
use super::device::{Called, Device};
use super::host_callbacks::Authenticator;
use super::sdk_client::SdkClient;
use super::step_result::{StepError, StepResult};
use super::users::Users;
use super::vendor::record_sign_in_token;
use crate::sut::{AppRole, Credential, HostCallbacks, NamedUsers};
use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use vouch_sim::reference::app::{
    AppError, AppIdentity, AppPolicy, AppSession, DefaultAppPolicy, Drift, ReconcilingApp, SdkPort, SdkState,
    TokenSource,
};
use vouch_spec::protocol::message::{AppUser, CurrentUser, SignIn, Status};
use vouch_spec::protocol::{ErrorKind, Realm, Refusal, SdkMethod, StatusWord};

/// The app of one case.
pub(super) struct App {
    /// The reference app. `None` if the app is external.
    built_in: Option<ReconcilingApp>,
    parts: AppParts,
    /// The name of the user that is signed in to the app.
    user: Mutex<Option<String>>,
    actions: AppActions,
    window: Mutex<AppWindow>,
    sdk_faults: Mutex<Vec<SdkCallFault>>,
}

/// Where a reconciliation starts to count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AppWindow {
    /// The number of exchanges in the transcript.
    pub mark: usize,
    /// See [`App::action_counts`].
    pub actions: (usize, usize),
}

/// A failure of the app's calls of an SDK method.
pub(super) struct SdkCallFault {
    pub method: SdkMethod,
    pub error: ErrorKind,
    /// How many calls fail; `None`: all of them.
    pub times: Option<u32>,
}

/// The parts of the case that the app uses.
pub(super) struct AppParts {
    pub context: CaseContext,
    pub users: Arc<Users>,
    pub backends: Arc<Backends>,
    pub device: Arc<Device>,
    pub sdk: Arc<SdkClient>,
}

/// The number of SDK calls of the app since the previous count.
#[derive(Debug, Default)]
struct AppActions {
    sign_ins: AtomicUsize,
    sign_outs: AtomicUsize,
}

impl App {
    pub fn new(role: &AppRole, parts: AppParts) -> Self {
        let built_in = match role {
            AppRole::Builtin(policy) => Some(ReconcilingApp::new(policy.clone())),
            AppRole::Command(_) => None,
        };
        Self {
            built_in,
            parts,
            user: Mutex::default(),
            actions: AppActions::default(),
            window: Mutex::default(),
            sdk_faults: Mutex::default(),
        }
    }

    /// The name of the user that is signed in to the app.
    pub fn user(&self) -> Option<String> {
        self.user.lock().clone()
    }

    /// Signs a user in to the app itself, or out of it.
    pub async fn set_user(&self, name: Option<String>) -> Result<(), StepError> {
        let process = &self.parts.device.app;
        if process.is_external() {
            let user = match &name {
                Some(name) => {
                    let user = self.parts.users.get(name)?;
                    Some(AppUser { external_user_id: user.external_id, user_id: user.id })
                }
                None => None,
            };
            process.set_user(user).await?;
        }
        *self.user.lock() = name;
        Ok(())
    }

    /// Runs the app's reconciliation.
    pub async fn reconcile(&self) -> Result<StepResult, StepError> {
        let Some(app) = &self.built_in else {
            return Ok(match self.parts.device.app.reconcile().await? {
                Reconciled::Done => StepResult::Ok,
                Reconciled::Refused { kind, text } => StepResult::Refused { kind, text },
                Reconciled::Killed => StepResult::Killed,
            });
        };
        let ports = AppPorts { app: self, error: Mutex::new(None) };
        let result = app.reconcile(&ports, &ports, &ports).await;
        match (ports.error.into_inner(), result) {
            (Some(error), _) => Err(error),
            (None, Ok(())) => Ok(StepResult::Ok),
            (None, Err(failed)) => Ok(StepResult::Refused { kind: failed.kind, text: failed.text }),
        }
    }

    /// Whether app and SDK have the same user, as far as that can be determined.
    pub async fn agrees_with_sdk(&self) -> Result<bool, StepError> {
        let app_user = match self.user() {
            Some(name) => match self.parts.users.get(&name)?.id {
                Some(id) => Some(id),
                None => return Ok(false),
            },
            None => None,
        };
        let sdk = &self.parts.sdk;
        let called = sdk.call::<Status>(SdkMethod::Status, json!({})).await?;
        let Called::Ok(Status { status }) = called else { return Ok(false) };
        let called = sdk.call::<CurrentUser>(SdkMethod::CurrentUserId, json!({})).await?;
        let Called::Ok(CurrentUser { user_id }) = called else { return Ok(false) };
        Ok(DefaultAppPolicy.drift(app_user.as_deref(), &SdkState { status, user_id }) == Drift::None)
    }

    /// The number of calls of `signIn` and `signOut` by the app in the whole case.
    pub fn action_counts(&self) -> (usize, usize) {
        (self.actions.sign_ins.load(Ordering::Relaxed), self.actions.sign_outs.load(Ordering::Relaxed))
    }

    /// What the app has done since this counts for its next reconciliation: an app may reconcile by itself when its user
    /// changes or when it is launched.
    pub fn start_window(&self) {
        let mark = self.parts.context.transcript.len();
        *self.window.lock() = AppWindow { mark, actions: self.action_counts() };
    }

    /// See [`App::start_window`].
    pub fn window(&self) -> AppWindow {
        *self.window.lock()
    }

    /// Makes calls of the SDK by the app fail, without reaching the SDK.
    pub fn fail_sdk_calls(&self, fault: SdkCallFault) {
        self.sdk_faults.lock().push(fault);
    }

    /// SDK calls of the app reach the SDK again.
    pub fn clear_sdk_faults(&self) {
        self.sdk_faults.lock().clear();
    }

    /// The error of the fault that a call strikes, if any.
    fn take_sdk_fault(&self, method: SdkMethod) -> Option<ErrorKind> {
        let mut faults = self.sdk_faults.lock();
        let index = faults.iter().position(|fault| fault.method == method)?;
        let fault = &mut faults[index];
        let error = fault.error;
        if let Some(times) = &mut fault.times {
            *times -= 1;
            if *times == 0 {
                faults.remove(index);
            }
        }
        Some(error)
    }

    /// Requests a sign-in token from the backend of a realm's team, as the app of a user does.
    pub async fn request_token(&self, user: &str, realm: Realm) -> Result<Result<String, AppError>, StepError> {
        let redactor = &self.parts.context.redactor;
        let user = self.parts.users.get(user)?;
        let running = self.parts.backends.get(realm).await?;
        let session = running.backend.session(&user.external_id, redactor).await;
        let session = session.map_err(|failure| StepError::Backend(failure.error))?;
        let template = running.backend.token_call();
        let values = running.backend.values_for_token(&session, &session.credential, &user.external_id).await;
        let named = NamedUsers::all(&user.external_id);
        let request = template.call_as(Credential::This(&session.credential), named, &values);
        let failed = |kind, text: String| Ok(Err(AppError { kind, text }));
        let Ok(reply) = running.backend.ask(&request, &running.address).await else {
            return failed(ErrorKind::Network, "the app's backend does not answer".into());
        };
        let status = template.status(&reply);
        if !(200..300).contains(&status) {
            return failed(ErrorKind::Network, format!("the app's backend answered {status}"));
        }
        match template.token.read(&reply) {
            Some(token) => {
                record_sign_in_token(redactor, &token);
                Ok(Ok(token))
            }
            None => failed(ErrorKind::UnexpectedAnswer, "the app's backend answered without a token".into()),
        }
    }

    fn home(&self) -> Realm {
        self.parts.context.given.realm()
    }
}

/// The SDK and the backend as the app calls them.
struct AppPorts<'a> {
    app: &'a App,
    /// The first error that is not the app's: it ends the case.
    error: Mutex<Option<StepError>>,
}

impl AppPorts<'_> {
    /// Keeps the first error and returns a failed call to the app.
    fn fail(&self, error: StepError) -> AppError {
        self.error.lock().get_or_insert(error);
        AppError { kind: ErrorKind::Internal, text: "the harness stopped the case".into() }
    }

    async fn call<R: serde::de::DeserializeOwned>(
        &self,
        method: SdkMethod,
        params: impl serde::Serialize,
    ) -> Result<R, AppError> {
        if let Some(kind) = self.app.take_sdk_fault(method) {
            return Err(AppError { kind, text: format!("`{method}` fails for the moment") });
        }
        match self.app.parts.sdk.call::<R>(method, params).await {
            Ok(Called::Ok(value)) => Ok(value),
            Ok(Called::Refused { kind, text }) => Err(AppError { kind, text }),
            Ok(Called::Killed) => Err(AppError { kind: ErrorKind::Cancelled, text: "the process was killed".into() }),
            Err(error) => Err(self.fail(error)),
        }
    }
}

impl AppSession for AppPorts<'_> {
    fn user(&self) -> Option<AppIdentity> {
        let name = self.app.user()?;
        let user = self.app.parts.users.get(&name).ok()?;
        Some(AppIdentity { name: user.external_id, user_id: user.id })
    }
}

#[async_trait]
impl SdkPort for AppPorts<'_> {
    async fn status(&self) -> Result<Vec<StatusWord>, AppError> {
        self.call::<Status>(SdkMethod::Status, json!({})).await.map(|result| result.status)
    }

    async fn current_user_id(&self) -> Result<Option<String>, AppError> {
        self.call::<CurrentUser>(SdkMethod::CurrentUserId, json!({})).await.map(|result| result.user_id)
    }

    async fn sign_in(&self, token: String) -> Result<(), AppError> {
        self.app.actions.sign_ins.fetch_add(1, Ordering::Relaxed);
        self.call::<Value>(SdkMethod::SignIn, SignIn { token }).await.map(|_| ())
    }

    async fn sign_out(&self) -> Result<(), AppError> {
        self.app.actions.sign_outs.fetch_add(1, Ordering::Relaxed);
        self.call::<Value>(SdkMethod::SignOut, json!({})).await.map(|_| ())
    }
}

#[async_trait]
impl TokenSource for AppPorts<'_> {
    async fn sign_in_token(&self) -> Result<String, AppError> {
        let Some(user) = self.app.user() else {
            return Err(AppError { kind: ErrorKind::NotSignedIn, text: "no user is signed in to the app".into() });
        };
        match self.app.request_token(&user, self.app.home()).await {
            Ok(result) => result,
            Err(error) => Err(self.fail(error)),
        }
    }
}

/// Answers the requests of an external app to SDK and backend.
pub(super) struct AppCallbacks(pub Weak<App>);

#[async_trait]
impl HostCallbacks for AppCallbacks {
    async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        let over = || Refusal::new(ErrorKind::Cancelled, "the case is over");
        let app = self.0.upgrade().ok_or_else(over)?;
        let ports = AppPorts { app: &app, error: Mutex::new(None) };
        let answer = match method {
            "sdk.status" => ports.status().await.map(|status| json!({ "status": status })),
            "sdk.currentUserId" => ports.current_user_id().await.map(|user_id| json!({ "userId": user_id })),
            "sdk.signIn" => {
                let SignIn { token } =
                    serde_json::from_value(params).map_err(|error| Refusal::bad_params(method, &error))?;
                ports.sign_in(token).await.map(|()| json!({}))
            }
            "sdk.signOut" => ports.sign_out().await.map(|()| json!({})),
            "backend.signInToken" => ports.sign_in_token().await.map(|token| json!({ "token": token })),
            _ => return Err(Refusal::unknown_method(method)),
        };
        answer.map_err(|failed| Refusal::new(failed.kind, failed.text))
    }

    fn notification(&self, _: &str, _: Value) {}
}

/// Answers the SDK's authenticate callback with a token of the named user.
pub(super) struct AppAuthenticator(pub Weak<App>);

#[async_trait]
impl Authenticator for AppAuthenticator {
    async fn authenticate(&self, external_user_id: &str) -> Result<String, Refusal> {
        let unknown = || Refusal::new(ErrorKind::NotSignedIn, "the app has no such user");
        let app = self.0.upgrade().ok_or_else(unknown)?;
        let name = app.parts.users.name_of_external_id(external_user_id).ok_or_else(unknown)?;
        match app.request_token(&name, app.home()).await {
            Ok(Ok(token)) => Ok(token),
            Ok(Err(failed)) => Err(Refusal::new(failed.kind, failed.text)),
            Err(_) => Err(Refusal::new(ErrorKind::Internal, "the harness could not call the backend")),
        }
    }
}
