//! Apps that reconcile wrongly.

use super::mutants;
use crate::mutant::Mutation;
use crate::reference::app::{AppPolicy, Drift, SdkState};
use parking_lot::Mutex;
use std::collections::HashSet;
use vouch_spec::protocol::StatusWord;

/// The right decision, for mutants that are wrong only somewhere.
fn right(app_user: Option<&str>, sdk: &SdkState) -> Drift {
    crate::reference::app::DefaultAppPolicy.drift(app_user, sdk)
}

/// Notes a vendor user, who is of one case only; whether that is new.
fn note(users: &Mutex<HashSet<String>>, user: &str) -> bool {
    users.lock().insert(user.to_owned())
}

mutants! { AppPolicy, Mutation::App;
    AlwaysSignsIn "app-always-signs-in" breaks "REC-1": "asks for a token although nothing is out of step" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match right(app_user, sdk) {
                Drift::None if app_user.is_some() => Drift::SignIn,
                drift => drift,
            }
        }
    }
    NeverSignsIn "app-never-signs-in" breaks "REC-2": "leaves a signed-out SDK alone" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            if sdk.user_id.is_none() { Drift::None } else { right(app_user, sdk) }
        }
    }
    ForgetsUpgrade "app-forgets-upgrade" breaks "REC-5": "only mends an SDK that somebody was signed in to before" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            if sdk.status.is_empty() { Drift::None } else { right(app_user, sdk) }
        }
    }
    LeavesSdkIn "app-leaves-sdk-in" breaks "REC-3": "does not sign the SDK out with the app" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            if app_user.is_none() { Drift::None } else { right(app_user, sdk) }
        }
    }
    KeepsFirstUser "app-keeps-first-user" breaks "REC-4": "does not compare the users" {
        fn same_user(&self, _: &str, _: &str) -> bool {
            true
        }
    }
    NoSignOutFirst "app-no-sign-out-first" breaks "REC-4": "signs the other user in without signing the first out" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match right(app_user, sdk) {
                Drift::SignOutThenIn => Drift::SignIn,
                drift => drift,
            }
        }
    }
    MigratesBySignOut "app-migrates-by-sign-out" breaks "REC-7": "signs the older scheme out before it migrates" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match right(app_user, sdk) {
                Drift::SignIn if sdk.status.contains(&StatusWord::UseApiKey) => Drift::SignOutThenIn,
                drift => drift,
            }
        }
    }
    SignsOutAlways "app-signs-out-always" breaks "REC-2": "signs out before every sign-in" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match right(app_user, sdk) {
                Drift::SignIn => Drift::SignOutThenIn,
                drift => drift,
            }
        }
    }
    SignsOutNobody "app-signs-out-nobody" breaks "REC-1": "signs out an SDK that has nobody" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match right(app_user, sdk) {
                Drift::None if app_user.is_none() => Drift::SignOut,
                drift => drift,
            }
        }
    }
    GivesUp "app-gives-up" breaks "REC-6": "does not try again after a failure" {
        fn tries_again(&self) -> bool {
            false
        }
    }
    IgnoresOlderScheme "app-ignores-older-scheme" breaks "REC-7": "takes an API-key installation for up to date" {
        fn wants_token(&self, status: &[StatusWord]) -> bool {
            status.contains(&StatusWord::PendingReauthentication)
        }
    }
    TrustsItsMemory[brought_in: Mutex<HashSet<String>>] "app-trusts-its-memory" breaks "REC-2": "takes whom it brought in once for signed in ever after" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match (right(app_user, sdk), app_user) {
                (Drift::SignIn, Some(user)) if !note(&self.brought_in, user) => Drift::None,
                (drift, _) => drift,
            }
        }
    }
    SignsInTwice[brought_in: Mutex<HashSet<String>>] "app-signs-in-twice" breaks "REC-2": "signs a user in once more at the next reconciliation" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            let again = |user: &str| self.brought_in.lock().remove(user);
            match (right(app_user, sdk), app_user) {
                (Drift::SignIn, Some(user)) => {
                    note(&self.brought_in, user);
                    Drift::SignIn
                }
                (Drift::None, Some(user)) if again(user) => Drift::SignIn,
                (drift, _) => drift,
            }
        }
    }
}
