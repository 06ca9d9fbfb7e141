//! The reconciling app: it makes the SDK's user equal to its own user, and does nothing when they agree (REC-1 to REC-8).

use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::Arc;
use vouch_spec::protocol::{ErrorKind, StatusWord};

/// Why a call of the app failed. The text contains no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppError {
    pub kind: ErrorKind,
    pub text: String,
}

/// The SDK as the app calls it.
#[async_trait]
pub trait SdkPort: Send + Sync {
    async fn status(&self) -> Result<Vec<StatusWord>, AppError>;
    async fn current_user_id(&self) -> Result<Option<String>, AppError>;
    async fn sign_in(&self, token: String) -> Result<(), AppError>;
    async fn sign_out(&self) -> Result<(), AppError>;
}

/// Who is signed in to the app itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppIdentity {
    /// What the app calls its user.
    pub name: String,
    /// The vendor's id of the user, once the app knows it.
    pub user_id: Option<String>,
}

/// The app's own session.
pub trait AppSession: Send + Sync {
    /// The user who is signed in to the app now.
    fn user(&self) -> Option<AppIdentity>;
}

/// The app's own backend.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A sign-in token of the app's signed-in user.
    async fn sign_in_token(&self) -> Result<String, AppError>;
}

/// How the users of app and SDK differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    None,
    /// The SDK has nobody, or asks for a new sign-in token, or is on the older scheme (REC-2, REC-5, REC-7).
    SignIn,
    /// The app has nobody (REC-3).
    SignOut,
    /// They have different users (REC-4).
    SignOutThenIn,
}

/// Status and user that the SDK reports.
#[derive(Clone, Debug)]
pub struct SdkState {
    pub status: Vec<StatusWord>,
    pub user_id: Option<String>,
}

/// The app's decisions, one method each.
pub trait AppPolicy: Send + Sync {
    /// Compares the app's user with the SDK's. `app_user` is the vendor user id of whoever is signed in to the app.
    fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
        match (app_user, sdk.user_id.as_deref()) {
            (None, None) => Drift::None,
            (None, Some(_)) => Drift::SignOut,
            (Some(_), None) => Drift::SignIn,
            (Some(app), Some(sdk_user)) if !self.same_user(app, sdk_user) => Drift::SignOutThenIn,
            (Some(_), Some(_)) if self.needs_sign_in_token(&sdk.status) => Drift::SignIn,
            (Some(_), Some(_)) => Drift::None,
        }
    }

    fn same_user(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }

    /// An installation to migrate (REC-7), or one on hold.
    fn needs_sign_in_token(&self, status: &[StatusWord]) -> bool {
        status.contains(&StatusWord::UseApiKey) || status.contains(&StatusWord::PendingReauthentication)
    }

    /// Whether the next reconciliation runs after a failed one (REC-6).
    fn retries_after_failure(&self) -> bool {
        true
    }

    /// Whether reconciliations run one after the other, so that two at once sign in once (REC-2).
    fn serializes_reconciliations(&self) -> bool {
        true
    }

    /// What a status that the SDK could not tell counts as: nothing follows from it (REC-6).
    fn status_after_failure(&self, error: AppError) -> Result<Vec<StatusWord>, AppError> {
        Err(error)
    }

    /// What a user that the SDK could not tell counts as: nothing follows from it (REC-6).
    fn user_after_failure(&self, error: AppError) -> Result<Option<String>, AppError> {
        Err(error)
    }

    /// What a failed sign-out leads to: the SDK's user is still signed in (REC-4, REC-6).
    fn after_failed_sign_out(&self, _: Drift, error: AppError) -> Result<(), AppError> {
        Err(error)
    }

    /// The vendor's id of the app's user; empty while the app cannot know it. `before` is the user that this one replaced
    /// directly, as that user was when it came (REC-4).
    fn vendor_user_id(&self, user: &AppIdentity, _before: Option<&AppIdentity>) -> String {
        user.user_id.clone().unwrap_or_default()
    }

    /// Whether the token is requested before the other user is signed out. Without a backend that user would stay (REC-4).
    fn requests_token_first(&self) -> bool {
        false
    }

    /// How often a token is requested in one reconciliation (REC-6).
    fn token_requests(&self) -> u32 {
        1
    }

    /// What a failed token request leads to: the app reports it and tries again later (REC-6).
    fn after_failed_token_request(&self, error: AppError) -> Result<(), AppError> {
        Err(error)
    }

    /// Whether a failed token request or sign-in signs the SDK out. An API-key sign-in must go on working (REC-6, MIG-8).
    fn signs_out_after_failure(&self, _: &SdkState) -> bool {
        false
    }

    /// Whether a change of the app's user while the token was on its way matters: it is then a token of the wrong user (REC-3,
    /// REC-4). `now` is the user of the app when the token arrives.
    fn notices_change(&self, _now: Option<&AppIdentity>) -> bool {
        true
    }
}

/// The policy that follows the scheme.
pub struct DefaultAppPolicy;

impl AppPolicy for DefaultAppPolicy {}

/// How often a reconciliation starts over because the user of the app changed.
const MAX_CHANGES: usize = 3;

/// One installed app.
pub struct ReconcilingApp {
    pub policy: Arc<dyn AppPolicy>,
    failed_before: std::sync::atomic::AtomicBool,
    turn: tokio::sync::Mutex<()>,
    users: Mutex<LastUsers>,
}

/// The app's user and the one before, each as it was when it came.
#[derive(Default)]
struct LastUsers {
    now: Option<AppIdentity>,
    before: Option<AppIdentity>,
}

/// What a reconciliation works with.
struct Ports<'a> {
    app: &'a dyn AppSession,
    sdk: &'a dyn SdkPort,
    backend: &'a dyn TokenSource,
}

impl ReconcilingApp {
    pub fn new(policy: Arc<dyn AppPolicy>) -> Self {
        Self { policy, failed_before: false.into(), turn: tokio::sync::Mutex::default(), users: Mutex::default() }
    }

    /// Compares the users and corrects the difference. After an error the next call tries again (REC-6).
    pub async fn reconcile(
        &self,
        app: &dyn AppSession,
        sdk: &dyn SdkPort,
        backend: &dyn TokenSource,
    ) -> Result<(), AppError> {
        use std::sync::atomic::Ordering::Relaxed;
        let _turn = match self.policy.serializes_reconciliations() {
            true => Some(self.turn.lock().await),
            false => None,
        };
        if self.failed_before.load(Relaxed) && !self.policy.retries_after_failure() {
            return Ok(());
        }
        let ports = Ports { app, sdk, backend };
        let mut result = Ok(false);
        for _ in 0..MAX_CHANGES {
            result = self.correct_drift(&ports).await;
            if !matches!(result, Ok(false)) {
                break;
            }
        }
        self.failed_before.store(result.is_err(), Relaxed);
        match result {
            Ok(false) => Err(AppError { kind: ErrorKind::Cancelled, text: "the app's user keeps changing".into() }),
            other => other.map(|_| ()),
        }
    }

    /// Notes the app's user, and returns the one before.
    fn follow(&self, user: Option<&AppIdentity>) -> Option<AppIdentity> {
        let mut users = self.users.lock();
        if users.now.as_ref().map(|now| &now.name) != user.map(|user| &user.name) {
            users.before = std::mem::replace(&mut users.now, user.cloned());
        }
        users.before.clone()
    }

    /// Returns whether the difference is corrected; not if the app's user changed meanwhile.
    async fn correct_drift(&self, ports: &Ports<'_>) -> Result<bool, AppError> {
        let user = ports.app.user();
        let before = self.follow(user.as_ref());
        let status = ports.sdk.status().await.or_else(|error| self.policy.status_after_failure(error))?;
        let user_id = ports.sdk.current_user_id().await.or_else(|error| self.policy.user_after_failure(error))?;
        let state = SdkState { status, user_id };
        let id = user.as_ref().map(|user| self.policy.vendor_user_id(user, before.as_ref()));
        let drift = self.policy.drift(id.as_deref(), &state);
        match drift {
            Drift::None => Ok(true),
            Drift::SignOut => self.sign_out(ports, drift).await.map(|()| true),
            Drift::SignIn => self.sign_in(ports, user.as_ref(), &state).await,
            Drift::SignOutThenIn if self.policy.requests_token_first() => {
                let token = ports.backend.sign_in_token().await?;
                ports.sdk.sign_out().await?;
                ports.sdk.sign_in(token).await.map(|()| true)
            }
            Drift::SignOutThenIn => {
                self.sign_out(ports, drift).await?;
                self.sign_in(ports, user.as_ref(), &state).await
            }
        }
    }

    async fn sign_out(&self, ports: &Ports<'_>, drift: Drift) -> Result<(), AppError> {
        ports.sdk.sign_out().await.or_else(|error| self.policy.after_failed_sign_out(drift, error))
    }

    async fn sign_in(&self, ports: &Ports<'_>, user: Option<&AppIdentity>, state: &SdkState) -> Result<bool, AppError> {
        let token = match self.request_token(ports).await {
            Ok(token) => token,
            Err(error) => {
                self.clean_up(ports, state).await?;
                return self.policy.after_failed_token_request(error).map(|()| true);
            }
        };
        let now = ports.app.user();
        let changed = now.as_ref().map(|now| &now.name) != user.map(|user| &user.name);
        if changed && self.policy.notices_change(now.as_ref()) {
            return Ok(false);
        }
        let signed_in = ports.sdk.sign_in(token).await;
        if signed_in.is_err() {
            self.clean_up(ports, state).await?;
        }
        signed_in.map(|()| true)
    }

    async fn clean_up(&self, ports: &Ports<'_>, state: &SdkState) -> Result<(), AppError> {
        match self.policy.signs_out_after_failure(state) {
            true => ports.sdk.sign_out().await,
            false => Ok(()),
        }
    }

    async fn request_token(&self, ports: &Ports<'_>) -> Result<String, AppError> {
        let mut result = ports.backend.sign_in_token().await;
        for _ in 1..self.policy.token_requests() {
            if result.is_ok() {
                break;
            }
            result = ports.backend.sign_in_token().await;
        }
        result
    }
}
