//! The app seat: the reconciling app, its backend, and the SDK as it sees it.

use super::answer::Halt;
use super::device::Called;
use super::ears::Authenticator;
use super::world::World;
use crate::protocol::message::{CurrentUser, SignIn, Status};
use crate::protocol::{ErrorKind, Realm, Refusal, StatusWord};
use crate::reference::app::{Failed, ReconcilingApp, Rules, SdkPort, TokenSource};
use crate::reference::backend::TOKEN_PATH;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// The app of one case.
pub(super) struct AppSeat {
    app: ReconcilingApp,
    signed_in: Mutex<Option<String>>,
}

/// What the app did to the SDK in one reconciliation.
#[derive(Debug, Default)]
pub(super) struct Deeds {
    pub sign_ins: AtomicUsize,
    pub sign_outs: AtomicUsize,
}

impl AppSeat {
    pub fn new(rules: Arc<dyn Rules>) -> Self {
        Self { app: ReconcilingApp::new(rules), signed_in: Mutex::default() }
    }

    /// Signs somebody in to the app itself, or out of it.
    pub fn set_user(&self, name: Option<String>) {
        *self.signed_in.lock().unwrap_or_else(PoisonError::into_inner) = name;
    }

    /// Runs the app's reconciliation. The inner error is the app's, the outer one the harness's or the adapter's.
    pub async fn reconcile(&self, world: &World, deeds: &Deeds) -> Result<Result<(), Failed>, Halt> {
        let user = self.signed_in.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let user_id = match &user {
            Some(name) => Some(world.person(name)?.id.unwrap_or_default()),
            None => None,
        };
        let halted = Mutex::new(None);
        let sdk = Sdk { world, deeds, halted: &halted };
        let backend = Own { world, user: user.as_deref(), halted: &halted };
        let result = self.app.reconcile(user_id.as_deref(), &sdk, &backend).await;
        match halted.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(halt) => Err(halt),
            None => Ok(result),
        }
    }
}

/// Asks a team's backend for a sign-in token, as the app of a person does.
pub(super) async fn request_token(world: &World, name: &str, realm: Realm) -> Result<Result<String, Failed>, Halt> {
    let person = world.person(name)?;
    let (address, backend) = world.backend(realm).await?;
    let credential = backend.log_in(&person.external_id, &world.ledger);
    let harness = |e: reqwest::Error| Halt::Harness(format!("cannot make an HTTP client: {e}"));
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build().map_err(harness)?;
    let sent = client.post(format!("{address}{TOKEN_PATH}")).bearer_auth(credential).json(&json!({})).send().await;
    let no_answer = || Failed { kind: ErrorKind::Network, text: "the app's backend does not answer".into() };
    let Ok(response) = sent else { return Ok(Err(no_answer())) };
    let status = response.status();
    if !status.is_success() {
        return Ok(Err(Failed {
            kind: ErrorKind::Network,
            text: format!("the app's backend answered {}", status.as_u16()),
        }));
    }
    let body: Value = response.json().await.unwrap_or_default();
    let token = body.get("sign_in_token").and_then(Value::as_str).map(str::to_owned);
    Ok(token.ok_or_else(|| Failed {
        kind: ErrorKind::UnexpectedAnswer,
        text: "the app's backend answered without a token".into(),
    }))
}

/// The SDK, as the app calls it: what it does is counted.
struct Sdk<'a> {
    world: &'a World,
    deeds: &'a Deeds,
    halted: &'a Mutex<Option<Halt>>,
}

/// Keeps the first halt and lets the app see a failed call.
fn halt(slot: &Mutex<Option<Halt>>, halt: Halt) -> Failed {
    slot.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(halt);
    Failed { kind: ErrorKind::Internal, text: "the harness stopped the case".into() }
}

impl Sdk<'_> {
    async fn call<R: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        params: impl serde::Serialize,
    ) -> Result<R, Failed> {
        match self.world.call::<R>(method, params).await {
            Ok(Called::Ok(value)) => Ok(value),
            Ok(Called::Refused { kind, text }) => Err(Failed { kind, text }),
            Ok(Called::Killed) => Err(Failed { kind: ErrorKind::Cancelled, text: "the process was killed".into() }),
            Err(stop) => Err(halt(self.halted, stop)),
        }
    }
}

#[async_trait]
impl SdkPort for Sdk<'_> {
    async fn status(&self) -> Result<Vec<StatusWord>, Failed> {
        self.call::<Status>("status", json!({})).await.map(|told| told.status)
    }

    async fn current_user_id(&self) -> Result<Option<String>, Failed> {
        self.call::<CurrentUser>("currentUserId", json!({})).await.map(|told| told.user_id)
    }

    async fn sign_in(&self, token: String) -> Result<(), Failed> {
        self.deeds.sign_ins.fetch_add(1, Ordering::Relaxed);
        self.call::<Value>("signIn", SignIn { token }).await.map(|_| ())
    }

    async fn sign_out(&self) -> Result<(), Failed> {
        self.deeds.sign_outs.fetch_add(1, Ordering::Relaxed);
        self.call::<Value>("signOut", json!({})).await.map(|_| ())
    }
}

/// The backend, as the app of one user calls it.
struct Own<'a> {
    world: &'a World,
    user: Option<&'a str>,
    halted: &'a Mutex<Option<Halt>>,
}

#[async_trait]
impl TokenSource for Own<'_> {
    async fn sign_in_token(&self) -> Result<String, Failed> {
        let Some(user) = self.user else {
            return Err(Failed { kind: ErrorKind::NotSignedIn, text: "nobody is signed in to the app".into() });
        };
        match request_token(self.world, user, self.world.given.realm()).await {
            Ok(answer) => answer,
            Err(stop) => Err(halt(self.halted, stop)),
        }
    }
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
