//! SDK mutants that remember too much or confuse users.

use super::{NetworkResult, StorageResult, is_gone, sdk_policy};
use crate::mutant::mutants;
use crate::reference::sdk::Secret;
use crate::reference::sdk::policy::{DefaultSdkPolicy, RefreshOutcome, SESSION, SdkPolicy, TokenSet};
use crate::reference::sdk::ports::{HttpResponse, Storage};
use crate::reference::sdk::record::Record;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use vouch_spec::profile::{IdpCall, Profile};
use vouch_spec::protocol::message::Area;

/// So many refreshes may fail in a row.
const MAX_RETRY_AFTER: u32 = 10;
/// A column of a table of old.
const COLUMN: usize = 255;

mutants! { SdkPolicy, sdk_policy;
    NamedBeyondDeletion[named: Mutex<Option<String>>, gone: AtomicBool] "named-beyond-deletion" breaks "REC-8": "Treats a deleted user as the user that `identify` names" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            if let Record::SignInToken(session) = record {
                self.named.lock().clone_from(&session.external_user_id);
            }
            self.gone.store(false, Relaxed);
            DefaultSdkPolicy.save(storage, record)
        }
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            let outcome = DefaultSdkPolicy.read_refresh(profile, answer);
            self.gone.fetch_or(is_gone(&outcome), Relaxed);
            outcome
        }
        fn is_identified(&self, current: Option<&Record>, external_user_id: &str) -> bool {
            let remembered = self.gone.load(Relaxed) && self.named.lock().as_deref() == Some(external_user_id);
            remembered || DefaultSdkPolicy.is_identified(current, external_user_id)
        }
    }
    HeldIsNamed "held-is-named" breaks "REC-8": "Does nothing when `identify` names the user of a session on hold" {
        fn identify_is_idle(&self, current: Option<&Record>, external_user_id: &str) -> bool {
            self.is_identified(current, external_user_id)
        }
    }
    KeyIsNamed "key-is-named" breaks "REC-8": "Does not migrate when `identify` names a user" {
        fn identify_is_idle(&self, current: Option<&Record>, external_user_id: &str) -> bool {
            matches!(current, Some(Record::ApiKey(record)) if record.user_id.is_some())
                || DefaultSdkPolicy.identify_is_idle(current, external_user_id)
        }
    }
    ConfiguredAgain "configured-again" breaks "MIG-7": "Returns to the API key when the app configures it as before" {
        fn key_replaces_session(&self) -> bool {
            true
        }
    }
    RenamesSession "renames-session" breaks "LIF-2": "Lets `setUserId` change the user of a session" {
        fn may_rename_session(&self) -> bool {
            true
        }
    }
    GivesUp[failures: AtomicU32] "gives-up" breaks "REF-6": "Signs out after ten failed refreshes in a row" {
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                RefreshOutcome::Temporary { .. } if self.failures.fetch_add(1, Relaxed) >= MAX_RETRY_AFTER => RefreshOutcome::UserGone,
                RefreshOutcome::Temporary { retry_after } => RefreshOutcome::Temporary { retry_after },
                outcome => {
                    self.failures.store(0, Relaxed);
                    outcome
                }
            }
        }
    }
    ShortColumn "short-column" breaks "REF-5": "Stores only the first 255 characters of a refresh token" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            let tokens = DefaultSdkPolicy.tokens(profile, call, answer)?;
            let kept = |token: Secret| Secret::new(token.expose().chars().take(COLUMN).collect::<String>());
            Some(TokenSet { refresh_token: tokens.refresh_token.map(kept), ..tokens })
        }
    }
    FallsBack[old: Mutex<Option<Vec<u8>>>, gone: AtomicBool] "falls-back-to-the-key" breaks "DEL-1": "Returns to the migrated API key when its user is deleted" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            let before = storage.read(Area::Secure, SESSION)?;
            let was_key = |bytes: &Vec<u8>| matches!(serde_json::from_slice(bytes), Ok(Record::ApiKey(_)));
            if let (Record::SignInToken(_), Some(key)) = (record, before.filter(was_key)) {
                *self.old.lock() = Some(key);
            }
            DefaultSdkPolicy.save(storage, record)
        }
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            let outcome = DefaultSdkPolicy.read_refresh(profile, answer);
            self.gone.store(is_gone(&outcome), Relaxed);
            outcome
        }
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            match self.old.lock().take() {
                Some(key) if self.gone.load(Relaxed) => storage.write(Area::Secure, SESSION, &key),
                _ => DefaultSdkPolicy.erase(storage),
            }
        }
    }
    LateDeletion[looks: AtomicU8] "late-deletion" breaks "LIF-4": "Applies the previous user's late deletion to the next user" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            self.looks.store(0, Relaxed);
            DefaultSdkPolicy.save(storage, record)
        }
        fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
            let outcome = DefaultSdkPolicy.read_refresh(profile, answer);
            // Two looks at whether the answer is still wanted follow.
            self.looks.store(if is_gone(&outcome) { 2 } else { 0 }, Relaxed);
            outcome
        }
        fn accepts_late_answer(&self, asked_in: u64, now: u64) -> bool {
            asked_in == now || self.looks.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
        }
    }
}
