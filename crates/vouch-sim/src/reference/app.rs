//! The reconciling app: it brings the SDK's user in line with its own, and does nothing when they agree (REC-1 to REC-8).

use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::protocol::{ErrorKind, StatusWord};

/// Why an app's call did not work. The text is already fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub kind: ErrorKind,
    pub text: String,
}

/// The SDK as the app calls it.
#[async_trait]
pub trait SdkPort: Send + Sync {
    async fn status(&self) -> Result<Vec<StatusWord>, Failed>;
    async fn current_user_id(&self) -> Result<Option<String>, Failed>;
    async fn sign_in(&self, token: String) -> Result<(), Failed>;
    async fn sign_out(&self) -> Result<(), Failed>;
}

/// The app's own backend.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A sign-in token of the app's signed-in user.
    async fn sign_in_token(&self) -> Result<String, Failed>;
}

/// What is out of step.
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

/// What the SDK says of itself.
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
            (Some(_), Some(_)) if self.wants_token(&sdk.status) => Drift::SignIn,
            (Some(_), Some(_)) => Drift::None,
        }
    }

    fn same_user(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }

    /// An installation to migrate (REC-7), or one on hold.
    fn wants_token(&self, status: &[StatusWord]) -> bool {
        status.contains(&StatusWord::UseApiKey) || status.contains(&StatusWord::PendingReauthentication)
    }

    /// Whether a failed reconciliation is tried again at the next one (REC-6).
    fn tries_again(&self) -> bool {
        true
    }
}

/// The scheme as it is meant.
pub struct DefaultAppPolicy;

impl AppPolicy for DefaultAppPolicy {}

/// One installed app.
pub struct ReconcilingApp {
    pub policy: Arc<dyn AppPolicy>,
    gave_up: std::sync::atomic::AtomicBool,
}

impl ReconcilingApp {
    pub fn new(policy: Arc<dyn AppPolicy>) -> Self {
        Self { policy, gave_up: false.into() }
    }

    /// Compares and mends. An error leaves the rest to the next time (REC-6).
    pub async fn reconcile(
        &self,
        app_user: Option<&str>,
        sdk: &dyn SdkPort,
        backend: &dyn TokenSource,
    ) -> Result<(), Failed> {
        use std::sync::atomic::Ordering::Relaxed;
        if self.gave_up.load(Relaxed) && !self.policy.tries_again() {
            return Ok(());
        }
        let result = self.mend(app_user, sdk, backend).await;
        self.gave_up.store(result.is_err(), Relaxed);
        result
    }

    async fn mend(&self, app_user: Option<&str>, sdk: &dyn SdkPort, backend: &dyn TokenSource) -> Result<(), Failed> {
        let state = SdkState { status: sdk.status().await?, user_id: sdk.current_user_id().await? };
        match self.policy.drift(app_user, &state) {
            Drift::None => Ok(()),
            Drift::SignOut => sdk.sign_out().await,
            Drift::SignIn => sdk.sign_in(backend.sign_in_token().await?).await,
            Drift::SignOutThenIn => {
                sdk.sign_out().await?;
                sdk.sign_in(backend.sign_in_token().await?).await
            }
        }
    }
}
