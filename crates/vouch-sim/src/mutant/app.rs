//! Mutants of the reconciling app.

use super::mutants;
use crate::mutant::Mutation;
use crate::reference::app::{AppError, AppIdentity, AppPolicy, Drift, SdkState};
use parking_lot::Mutex;
use std::collections::HashSet;
use vouch_spec::protocol::StatusWord;

/// The default policy's decision, for mutants that deviate only in some states.
fn default_drift(app_user: Option<&str>, sdk: &SdkState) -> Drift {
    crate::reference::app::DefaultAppPolicy.drift(app_user, sdk)
}

/// Remembers a vendor user of the case and returns whether the user is new.
fn remember(users: &Mutex<HashSet<String>>, user: &str) -> bool {
    users.lock().insert(user.to_owned())
}

mutants! { AppPolicy, Mutation::App;
    AlwaysSignsIn "app-always-signs-in" breaks "REC-1": "Requests a sign-in token although app and SDK agree" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match default_drift(app_user, sdk) {
                Drift::None if app_user.is_some() => Drift::SignIn,
                drift => drift,
            }
        }
    }
    NeverSignsIn "app-never-signs-in" breaks "REC-2": "Does not sign in an SDK that is signed out" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            if sdk.user_id.is_none() { Drift::None } else { default_drift(app_user, sdk) }
        }
    }
    ForgetsUpgrade "app-forgets-upgrade" breaks "REC-5": "Corrects only an SDK that was signed in before" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            if sdk.status.is_empty() { Drift::None } else { default_drift(app_user, sdk) }
        }
    }
    LeavesSdkIn "app-leaves-sdk-in" breaks "REC-3": "Does not sign the SDK out when the app's user signs out" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            if app_user.is_none() { Drift::None } else { default_drift(app_user, sdk) }
        }
    }
    KeepsFirstUser "app-keeps-first-user" breaks "REC-4": "Does not compare the app's user with the SDK's user" {
        fn same_user(&self, _: &str, _: &str) -> bool {
            true
        }
    }
    NoSignOutFirst "app-no-sign-out-first" breaks "REC-4": "Signs in another user without signing the first user out" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match default_drift(app_user, sdk) {
                Drift::SignOutThenIn => Drift::SignIn,
                drift => drift,
            }
        }
    }
    MigratesBySignOut "app-migrates-by-sign-out" breaks "REC-7": "Signs out of the API-key scheme before migrating" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match default_drift(app_user, sdk) {
                Drift::SignIn if sdk.status.contains(&StatusWord::UseApiKey) => Drift::SignOutThenIn,
                drift => drift,
            }
        }
    }
    SignsOutAlways "app-signs-out-always" breaks "REC-2": "Signs out before every sign-in" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match default_drift(app_user, sdk) {
                Drift::SignIn => Drift::SignOutThenIn,
                drift => drift,
            }
        }
    }
    SignsOutNobody "app-signs-out-nobody" breaks "REC-1": "Signs out an SDK that nobody is signed in to" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match default_drift(app_user, sdk) {
                Drift::None if app_user.is_none() && sdk.status.is_empty() => Drift::SignOut,
                drift => drift,
            }
        }
    }
    GivesUp "app-gives-up" breaks "REC-6": "Does not retry after a failed reconciliation" {
        fn retries_after_failure(&self) -> bool {
            false
        }
    }
    IgnoresOlderScheme "app-ignores-older-scheme" breaks "REC-7": "Treats an API-key installation as up to date" {
        fn needs_sign_in_token(&self, status: &[StatusWord]) -> bool {
            status.contains(&StatusWord::PendingReauthentication)
        }
    }
    TrustsItsMemory[brought_in: Mutex<HashSet<String>>] "app-trusts-its-memory" breaks "REC-2": "Assumes that a user it signed in once stays signed in" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match (default_drift(app_user, sdk), app_user) {
                (Drift::SignIn, Some(user)) if !remember(&self.brought_in, user) => Drift::None,
                (drift, _) => drift,
            }
        }
    }
    SignsInTwice[brought_in: Mutex<HashSet<String>>] "app-signs-in-twice" breaks "REC-2": "Signs the same user in again at the next reconciliation" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            let again = |user: &str| self.brought_in.lock().remove(user);
            match (default_drift(app_user, sdk), app_user) {
                (Drift::SignIn, Some(user)) => {
                    remember(&self.brought_in, user);
                    Drift::SignIn
                }
                (Drift::None, Some(user)) if again(user) => Drift::SignIn,
                (drift, _) => drift,
            }
        }
    }
    TwoAtOnce "app-two-at-once" breaks "REC-2": "Runs two reconciliations at once" {
        fn serializes_reconciliations(&self) -> bool {
            false
        }
    }
    TokenFirst "app-token-before-sign-out" breaks "REC-4": "Requests the token before it signs the other user out" {
        fn requests_token_first(&self) -> bool {
            true
        }
    }
    SignOutIgnored "app-ignores-failed-sign-out" breaks "REC-4": "Signs in although the other user could not be signed out" {
        fn after_failed_sign_out(&self, drift: Drift, error: AppError) -> Result<(), AppError> {
            if drift == Drift::SignOutThenIn { Ok(()) } else { Err(error) }
        }
    }
    OldToken "app-old-token-for-new-user" breaks "REC-4": "Uses a token of the user before, if another user came meanwhile" {
        fn notices_change(&self, now: Option<&AppIdentity>) -> bool {
            now.is_none()
        }
    }
    TokenOfTheGone "app-signs-in-after-sign-out" breaks "REC-3": "Uses a token although its user signed out meanwhile" {
        fn notices_change(&self, now: Option<&AppIdentity>) -> bool {
            now.is_some()
        }
    }
    ComparesPrefix "app-compares-prefix" breaks "REC-4": "Compares the first eight characters of user ids" {
        fn same_user(&self, one: &str, other: &str) -> bool {
            one.get(..8) == other.get(..8)
        }
    }
    UnknownAgrees "app-unknown-user-agrees" breaks "REC-4": "Assumes that a user without a known vendor id is the SDK's user" {
        fn same_user(&self, one: &str, other: &str) -> bool {
            one.is_empty() || one.eq_ignore_ascii_case(other)
        }
    }
    CaseSensitive "app-case-sensitive" breaks "REC-1": "Compares user ids by letter case" {
        fn same_user(&self, one: &str, other: &str) -> bool {
            one == other
        }
    }
    StatusFailureIsEmpty "app-status-failure-is-empty" breaks "REC-6": "Treats a status that fails as signed out" {
        fn status_after_failure(&self, _: AppError) -> Result<Vec<StatusWord>, AppError> {
            Ok(vec![])
        }
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match default_drift(app_user, sdk) {
                Drift::None if app_user.is_some() && sdk.status.is_empty() => Drift::SignIn,
                drift => drift,
            }
        }
    }
    UserFailureIsNobody "app-user-failure-is-nobody" breaks "REC-6": "Treats a user id that fails as nobody" {
        fn user_after_failure(&self, _: AppError) -> Result<Option<String>, AppError> {
            Ok(None)
        }
    }
    TightRetry "app-tight-retry" breaks "REC-6": "Repeats a failed token request at once, a hundred times" {
        fn token_requests(&self) -> u32 {
            100
        }
    }
    FailureSaysOk "app-failure-says-ok" breaks "REC-6": "Reports success after a failed token request" {
        fn after_failed_token_request(&self, _: AppError) -> Result<(), AppError> {
            Ok(())
        }
    }
    FailedMigrationSignsOut "app-failed-migration-signs-out" breaks "REC-6": "Signs out of the API-key scheme when the migration fails" {
        fn signs_out_after_failure(&self, state: &SdkState) -> bool {
            state.status.contains(&StatusWord::UseApiKey)
        }
    }
    IgnoresHold "app-ignores-hold" breaks "REC-9": "Treats a session on hold as signed in" {
        fn needs_sign_in_token(&self, status: &[StatusWord]) -> bool {
            status.contains(&StatusWord::UseApiKey)
        }
    }
    TriesUpgradeOnce[tried: Mutex<HashSet<String>>] "app-tries-upgrade-once" breaks "REC-5": "Tries the sign-in after an upgrade once" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match (default_drift(app_user, sdk), app_user) {
                (Drift::SignIn, Some(user)) if sdk.status.is_empty() && !remember(&self.tried, user) => Drift::None,
                (drift, _) => drift,
            }
        }
    }
    LeavesApiKeyIn "app-leaves-api-key-in" breaks "REC-3": "Does not sign an SDK out that is signed in with the API key" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match default_drift(app_user, sdk) {
                Drift::SignOut if sdk.status.contains(&StatusWord::UseApiKey) => Drift::None,
                drift => drift,
            }
        }
    }
    LeavesHoldIn "app-leaves-hold-in" breaks "REC-3": "Does not sign an SDK out whose session is on hold" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match default_drift(app_user, sdk) {
                Drift::SignOut if sdk.status.contains(&StatusWord::PendingReauthentication) => Drift::None,
                drift => drift,
            }
        }
    }
    OtherUserByApiKey "app-migrates-other-user" breaks "REC-4": "Migrates an API-key installation of another user without a sign-out" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match default_drift(app_user, sdk) {
                Drift::SignOutThenIn if sdk.status.contains(&StatusWord::UseApiKey) => Drift::SignIn,
                drift => drift,
            }
        }
    }
    OtherUserOnHold "app-other-user-on-hold" breaks "REC-4": "Signs in over the session of another user that is on hold" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match default_drift(app_user, sdk) {
                Drift::SignOutThenIn if sdk.status.contains(&StatusWord::PendingReauthentication) => Drift::SignIn,
                drift => drift,
            }
        }
    }
    InheritsId "app-inherits-id" breaks "REC-4": "Keeps the vendor id of the user before for a user whose vendor id it cannot know" {
        fn vendor_user_id(&self, user: &AppIdentity, before: Option<&AppIdentity>) -> String {
            user.user_id.clone().or_else(|| before?.user_id.clone()).unwrap_or_default()
        }
    }
    TrustsItsSignIn[brought_in: Mutex<HashSet<String>>] "app-trusts-its-sign-in" breaks "REC-4": "Does not compare users after it signed its user in once" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            let known = app_user.filter(|user| !user.is_empty());
            match (default_drift(app_user, sdk), known) {
                (Drift::SignIn, Some(user)) => {
                    remember(&self.brought_in, user);
                    Drift::SignIn
                }
                (Drift::SignOutThenIn, Some(user)) if self.brought_in.lock().contains(user) => Drift::None,
                (drift, _) => drift,
            }
        }
    }
    SignsOutConfigured "app-signs-out-configured" breaks "REC-1": "Signs out an SDK that is configured and has no user" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match default_drift(app_user, sdk) {
                Drift::None if app_user.is_none() && !sdk.status.is_empty() => Drift::SignOut,
                drift => drift,
            }
        }
    }
    FailedSignOutSaysOk "app-failed-sign-out-says-ok" breaks "REC-6": "Reports success although the SDK could not be signed out" {
        fn after_failed_sign_out(&self, drift: Drift, error: AppError) -> Result<(), AppError> {
            if drift == Drift::SignOut { Ok(()) } else { Err(error) }
        }
    }
}
