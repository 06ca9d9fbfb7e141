//! SDK mutants of the status.

use super::{sdk_policy, without};
use crate::mutant::mutants;
use crate::reference::sdk::policy::{DefaultSdkPolicy, SdkPolicy};
use crate::reference::sdk::record::Record;
use vouch_spec::protocol::StatusWord;

mutants! { SdkPolicy, sdk_policy;
    ReportsEmptyFirst "reports-empty-first" breaks "LIF-6": "Reports an empty status before each change" {
        fn report_status(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
            listener(vec![]);
            listener(status);
        }
    }
    SilentAutoSignOut "silent-auto-sign-out" breaks "LIF-6": "Does not report the status after a sign-out" {
        fn report_status(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
            if !status.is_empty() {
                listener(status);
            }
        }
    }
    AlwaysConfigured "always-configured" breaks "LIF-7": "Reports `configured` when nothing is configured" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            if record.is_none() { vec![StatusWord::Configured] } else { DefaultSdkPolicy.status(record) }
        }
    }
    NoPendingWord "no-pending-word" breaks "REF-11": "Omits `pendingReauthentication` from the status of a session on hold" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            without(DefaultSdkPolicy.status(record), StatusWord::PendingReauthentication)
        }
    }
    NoKeyWord "no-key-word" breaks "KEY-4": "Omits `useApiKey` from the status" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            without(DefaultSdkPolicy.status(record), StatusWord::UseApiKey)
        }
    }
    HidesKeyScheme "hides-key-scheme" breaks "MIG-1": "Does not report that an installation needs migration" {
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            without(DefaultSdkPolicy.status(record), StatusWord::UseApiKey)
        }
    }
    SilentHold "silent-hold" breaks "REF-11": "Does not report the status when the session goes on hold" {
        fn report_status(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
            if !status.contains(&StatusWord::PendingReauthentication) {
                listener(status);
            }
        }
    }
    SilentConfiguration "silent-configuration" breaks "LIF-6": "Does not report the status after a configuration" {
        fn report_status(&self, listener: &dyn Fn(Vec<StatusWord>), status: Vec<StatusWord>) {
            if status != [StatusWord::Configured] {
                listener(status);
            }
        }
    }
}
