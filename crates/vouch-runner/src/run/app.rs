//! The app role: an app's reconciliation, its backend, and the SDK as it sees it.

use super::app_process::Reconciled;
use super::device::Called;
use super::host_callbacks::Authenticator;
use super::step_result::{StepError, StepResult};
use super::world::World;
use crate::sut::{AppRole, Credential, HostCallbacks};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use vouch_sim::reference::app::{
    AppPolicy, DefaultAppPolicy, Drift, Failed, ReconcilingApp, SdkPort, SdkState, TokenSource,
};
use vouch_spec::protocol::message::{AppUser, CurrentUser, SignIn, Status};
use vouch_spec::protocol::{ErrorKind, Realm, Refusal, StatusWord};

/// The app of one case.
pub(super) struct App {
    /// None where the app is one from outside.
    built_in: Option<ReconcilingApp>,
    signed_in: Mutex<Option<String>>,
    /// What the app has done since the last count.
    deeds: AppActions,
}

/// What the app did to the SDK.
#[derive(Debug, Default)]
pub(super) struct AppActions {
    sign_ins: AtomicUsize,
    sign_outs: AtomicUsize,
}

impl App {
    pub fn new(role: &AppRole) -> Self {
        let built_in = match role {
            AppRole::Builtin(policy) => Some(ReconcilingApp::new(policy.clone())),
            AppRole::Command(_) => None,
        };
        Self { built_in, signed_in: Mutex::default(), deeds: AppActions::default() }
    }

    /// Who is signed in to the app.
    pub fn user(&self) -> Option<String> {
        self.signed_in.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Signs somebody in to the app itself, or out of it.
    pub async fn set_user(&self, world: &World, name: Option<String>) -> Result<(), StepError> {
        if world.device.app.is_from_outside() {
            let user = match &name {
                Some(name) => {
                    let person = world.person(name)?;
                    Some(AppUser { external_user_id: person.external_id, user_id: person.id })
                }
                None => None,
            };
            world.device.app.set_user(user).await?;
        }
        *self.signed_in.lock().unwrap_or_else(PoisonError::into_inner) = name;
        Ok(())
    }

    /// Runs the app's reconciliation.
    pub async fn reconcile(&self, world: &World) -> Result<StepResult, StepError> {
        let Some(app) = &self.built_in else {
            return Ok(match world.device.app.reconcile().await? {
                Reconciled::Done => StepResult::Ok,
                Reconciled::Refused { kind, text } => StepResult::Refused { kind, text },
                Reconciled::Killed => StepResult::Killed,
            });
        };
        let user = self.user();
        let user_id = match &user {
            Some(name) => Some(world.person(name)?.id.unwrap_or_default()),
            None => None,
        };
        let halted = Mutex::new(None);
        let port = Port { world, halted: &halted };
        let result = app.reconcile(user_id.as_deref(), &port, &port).await;
        match (halted.into_inner().unwrap_or_else(PoisonError::into_inner), result) {
            (Some(halt), _) => Err(halt),
            (None, Ok(())) => Ok(StepResult::Ok),
            (None, Err(failed)) => Ok(StepResult::Refused { kind: failed.kind, text: failed.text }),
        }
    }

    /// Whether app and SDK agree already, as far as that can be known.
    pub async fn is_in_step(&self, world: &World) -> Result<bool, StepError> {
        let app_user = match self.user() {
            Some(name) => match world.person(&name)?.id {
                Some(id) => Some(id),
                None => return Ok(false),
            },
            None => None,
        };
        let Called::Ok(Status { status }) = world.call::<Status>("status", json!({})).await? else { return Ok(false) };
        let told = world.call::<CurrentUser>("currentUserId", json!({})).await?;
        let Called::Ok(CurrentUser { user_id }) = told else { return Ok(false) };
        Ok(DefaultAppPolicy.drift(app_user.as_deref(), &SdkState { status, user_id }) == Drift::None)
    }

    /// Calls of `signIn` and `signOut` since the last count.
    pub fn count(&self) -> (usize, usize) {
        (self.deeds.sign_ins.swap(0, Ordering::Relaxed), self.deeds.sign_outs.swap(0, Ordering::Relaxed))
    }
}

/// Asks a team's backend for a sign-in token, as the app of a person does.
pub(super) async fn request_token(
    world: &World,
    name: &str,
    realm: Realm,
) -> Result<Result<String, Failed>, StepError> {
    let person = world.person(name)?;
    let issuer = world.backend(realm).await?;
    let credential = issuer.backend.log_in(&person.external_id, &world.redactor).await.map_err(StepError::Backend)?;
    let asks = issuer.backend.token_call();
    let call = asks.call(Credential::This(&credential), &person.external_id);
    let failed = |kind, text: String| Ok(Err(Failed { kind, text }));
    let Ok(reply) = issuer.backend.ask(&call, &issuer.address).await else {
        return failed(ErrorKind::Network, "the app's backend does not answer".into());
    };
    if !(200..300).contains(&reply.status) {
        return failed(ErrorKind::Network, format!("the app's backend answered {}", reply.status));
    }
    match asks.token.read(&reply) {
        Some(token) => {
            super::vendor::note_sign_in_token(&world.redactor, &token);
            Ok(Ok(token))
        }
        None => failed(ErrorKind::UnexpectedAnswer, "the app's backend answered without a token".into()),
    }
}

/// SDK and backend, as the app calls them: what it does is counted.
struct Port<'a> {
    world: &'a World,
    halted: &'a Mutex<Option<StepError>>,
}

impl Port<'_> {
    /// Keeps the first halt and lets the app see a failed call.
    fn halt(&self, halt: StepError) -> Failed {
        self.halted.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(halt);
        Failed { kind: ErrorKind::Internal, text: "the harness stopped the case".into() }
    }

    async fn call<R: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        params: impl serde::Serialize,
    ) -> Result<R, Failed> {
        match self.world.call::<R>(method, params).await {
            Ok(Called::Ok(value)) => Ok(value),
            Ok(Called::Refused { kind, text }) => Err(Failed { kind, text }),
            Ok(Called::Killed) => Err(Failed { kind: ErrorKind::Cancelled, text: "the process was killed".into() }),
            Err(stop) => Err(self.halt(stop)),
        }
    }
}

#[async_trait]
impl SdkPort for Port<'_> {
    async fn status(&self) -> Result<Vec<StatusWord>, Failed> {
        self.call::<Status>("status", json!({})).await.map(|told| told.status)
    }

    async fn current_user_id(&self) -> Result<Option<String>, Failed> {
        self.call::<CurrentUser>("currentUserId", json!({})).await.map(|told| told.user_id)
    }

    async fn sign_in(&self, token: String) -> Result<(), Failed> {
        self.world.app.deeds.sign_ins.fetch_add(1, Ordering::Relaxed);
        self.call::<Value>("signIn", SignIn { token }).await.map(|_| ())
    }

    async fn sign_out(&self) -> Result<(), Failed> {
        self.world.app.deeds.sign_outs.fetch_add(1, Ordering::Relaxed);
        self.call::<Value>("signOut", json!({})).await.map(|_| ())
    }
}

#[async_trait]
impl TokenSource for Port<'_> {
    async fn sign_in_token(&self) -> Result<String, Failed> {
        let Some(user) = self.world.app.user() else {
            return Err(Failed { kind: ErrorKind::NotSignedIn, text: "nobody is signed in to the app".into() });
        };
        match request_token(self.world, &user, self.world.given.realm()).await {
            Ok(answer) => answer,
            Err(stop) => Err(self.halt(stop)),
        }
    }
}

/// Answers what an app from outside asks of SDK and backend.
pub(super) fn callbacks(world: &Arc<World>) -> Arc<dyn HostCallbacks> {
    struct AppCallbacks(Weak<World>);

    #[async_trait]
    impl HostCallbacks for AppCallbacks {
        async fn request(&self, method: &str, params: Value) -> Result<Value, Refusal> {
            let gone = || Refusal::new(ErrorKind::Cancelled, "the case is over");
            let world = self.0.upgrade().ok_or_else(gone)?;
            let halted = Mutex::new(None);
            let port = Port { world: &world, halted: &halted };
            let answer = match method {
                "sdk.status" => port.status().await.map(|status| json!({ "status": status })),
                "sdk.currentUserId" => port.current_user_id().await.map(|user_id| json!({ "userId": user_id })),
                "sdk.signIn" => {
                    let SignIn { token } =
                        serde_json::from_value(params).map_err(|why| Refusal::bad_params(method, &why))?;
                    port.sign_in(token).await.map(|()| json!({}))
                }
                "sdk.signOut" => port.sign_out().await.map(|()| json!({})),
                "backend.signInToken" => port.sign_in_token().await.map(|token| json!({ "token": token })),
                _ => return Err(Refusal::unknown_method(method)),
            };
            answer.map_err(|failed| Refusal::new(failed.kind, failed.text))
        }

        fn notification(&self, _: &str, _: Value) {}
    }

    Arc::new(AppCallbacks(Arc::downgrade(world)))
}

/// Answers the SDK's authenticate callback with a token of the named user.
pub(super) fn authenticator(world: &Arc<World>) -> Arc<dyn Authenticator> {
    struct Callback(Weak<World>);

    #[async_trait]
    impl Authenticator for Callback {
        async fn authenticate(&self, external_user_id: &str) -> Result<String, Refusal> {
            let unknown = || Refusal::new(ErrorKind::NotSignedIn, "the app knows no such user");
            let world = self.0.upgrade().ok_or_else(unknown)?;
            let name = world.by_external_id(external_user_id).ok_or_else(unknown)?;
            match request_token(&world, &name, world.given.realm()).await {
                Ok(Ok(token)) => Ok(token),
                Ok(Err(failed)) => Err(Refusal::new(failed.kind, failed.text)),
                Err(_) => Err(Refusal::new(ErrorKind::Internal, "the harness could not ask the backend")),
            }
        }
    }

    Arc::new(Callback(Arc::downgrade(world)))
}
