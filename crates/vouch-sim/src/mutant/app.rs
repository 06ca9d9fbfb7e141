//! Mutants of the reconciling app.

use super::mutants;
use crate::mutant::Mutation;
use crate::reference::app::{AppPolicy, Drift, SdkState};
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
                Drift::None if app_user.is_none() => Drift::SignOut,
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
}
