//! Variants of the reconciling app.

use super::variants;
use crate::mutant::Mutation;
use crate::reference::app::{AppPolicy, DefaultAppPolicy, Drift, SdkState};
use vouch_spec::protocol::StatusWord;

variants! { AppPolicy, Mutation::App;
    NoMigration "app-ignores-api-key-scheme": "Leaves an installation of the API-key scheme as it is",
        allowed by "REC-7 is a recommendation" {
        fn needs_sign_in_token(&self, status: &[StatusWord]) -> bool {
            status.contains(&StatusWord::PendingReauthentication)
        }
    }
    ComparesUuids "app-compares-uuids": "Compares user ids as UUIDs, without dashes and letter case",
        allowed by "MIG-10: ids are UUIDs" {
        fn same_user(&self, one: &str, other: &str) -> bool {
            one.replace('-', "").eq_ignore_ascii_case(&other.replace('-', ""))
        }
    }
    SignsOutBeforeHold "app-signs-out-on-hold": "Signs a session on hold out before it signs the same user in",
        allowed by "REC-2: the app ends with a working session of its user" {
        fn drift(&self, app_user: Option<&str>, sdk: &SdkState) -> Drift {
            match DefaultAppPolicy.drift(app_user, sdk) {
                Drift::SignIn if sdk.status.contains(&StatusWord::PendingReauthentication) => Drift::SignOutThenIn,
                drift => drift,
            }
        }
    }
}
