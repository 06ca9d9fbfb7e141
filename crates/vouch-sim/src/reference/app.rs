//! The reconciling app: it makes the SDK's user equal to its own user, and does nothing when they agree (REC-1 to REC-8).

use async_trait::async_trait;
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
}

/// The policy that follows the scheme.
pub struct DefaultAppPolicy;

impl AppPolicy for DefaultAppPolicy {}

/// One installed app.
pub struct ReconcilingApp {
    pub policy: Arc<dyn AppPolicy>,
    failed_before: std::sync::atomic::AtomicBool,
}

impl ReconcilingApp {
    pub fn new(policy: Arc<dyn AppPolicy>) -> Self {
        Self { policy, failed_before: false.into() }
    }

    /// Compares the users and corrects the difference. After an error the next call tries again (REC-6).
    pub async fn reconcile(
        &self,
        app_user: Option<&str>,
        sdk: &dyn SdkPort,
        backend: &dyn TokenSource,
    ) -> Result<(), AppError> {
        use std::sync::atomic::Ordering::Relaxed;
        if self.failed_before.load(Relaxed) && !self.policy.retries_after_failure() {
            return Ok(());
        }
        let result = self.correct_drift(app_user, sdk, backend).await;
        self.failed_before.store(result.is_err(), Relaxed);
        result
    }

    async fn correct_drift(
        &self,
        app_user: Option<&str>,
        sdk: &dyn SdkPort,
        backend: &dyn TokenSource,
    ) -> Result<(), AppError> {
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
