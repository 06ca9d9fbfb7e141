//! SDKs that say the wrong thing of themselves.

use super::{role, without};
use crate::mutant::mutants;
use crate::reference::sdk::policy::{DefaultSdkPolicy, SdkPolicy};
use crate::reference::sdk::record::Record;
use vouch_spec::protocol::StatusWord;

mutants! { SdkPolicy, role;
    ReportsEmptyFirst "reports-empty-first" breaks "LIF-6": "tells of an empty status before each change" {
        fn tell(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
            listener(vec![]);
            listener(status);
        }
    }
    SilentAutoSignOut "silent-auto-sign-out" breaks "LIF-6": "does not tell of a sign-out" {
        fn tell(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
            if !status.is_empty() {
                listener(status);
            }
        }
    }
    AlwaysConfigured "always-configured" breaks "LIF-7": "says configured when nothing is" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            if record.is_none() { vec![StatusWord::Configured] } else { DefaultSdkPolicy.status(record) }
        }
    }
    NoPendingWord "no-pending-word" breaks "LIF-7": "has no word for a session on hold" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            without(DefaultSdkPolicy.status(record), StatusWord::PendingReauthentication)
        }
    }
    NoKeyWord "no-key-word" breaks "KEY-4": "does not say useApiKey" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            without(DefaultSdkPolicy.status(record), StatusWord::UseApiKey)
        }
    }
    HidesKeyScheme "hides-key-scheme" breaks "MIG-1": "gives no mark of an installation to migrate" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            without(DefaultSdkPolicy.status(record), StatusWord::UseApiKey)
        }
    }
    SilentHold "silent-hold" breaks "LIF-6": "does not tell that the session is on hold" {
        fn tell(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
            if !status.contains(&StatusWord::PendingReauthentication) {
                listener(status);
            }
        }
    }
    SilentConfiguration "silent-configuration" breaks "LIF-6": "does not tell that it is configured" {
        fn tell(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
            if status != [StatusWord::Configured] {
                listener(status);
            }
        }
    }
}
