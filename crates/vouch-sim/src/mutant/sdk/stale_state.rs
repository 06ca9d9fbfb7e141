//! SDKs that remember too much, or take what is another's for their own.

use super::{SentRequests, Stored, is_gone, role};
use crate::mutant::mutants;
use crate::reference::sdk::Secret;
use crate::reference::sdk::policy::{DefaultSdkPolicy, Refreshed, SESSION, SdkPolicy, Tokens};
use crate::reference::sdk::ports::{HttpResponse, Storage};
use crate::reference::sdk::record::Record;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use vouch_spec::profile::{IdpCall, Profile};
use vouch_spec::protocol::message::Area;

/// So many refreshes may fail in a row.
const PATIENCE: u32 = 10;
/// A column of a table of old.
const COLUMN: usize = 255;

mutants! { SdkPolicy, role;
    NamedBeyondDeletion[named: Mutex<Option<String>>, gone: AtomicBool] "named-beyond-deletion" breaks "REC-8": "takes a user who was deleted for the one that the app names" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            if let Record::SignInToken(session) = record {
                self.named.lock().clone_from(&session.external_user_id);
            }
            self.gone.store(false, Relaxed);
            DefaultSdkPolicy.save(vault, record)
        }
        fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
            let refreshed = DefaultSdkPolicy.read_refresh(profile, answer);
            self.gone.fetch_or(is_gone(&refreshed), Relaxed);
            refreshed
        }
        fn identified(&self, current: Option<&Record>, external_user_id: &str) -> bool {
            let remembered = self.gone.load(Relaxed) && self.named.lock().as_deref() == Some(external_user_id);
            remembered || DefaultSdkPolicy.identified(current, external_user_id)
        }
    }
    HeldIsNamed "held-is-named" breaks "REC-8": "on hold, does nothing when the app names its user" {
        fn identify_is_idle(&self, current: Option<&Record>, external_user_id: &str) -> bool {
            self.identified(current, external_user_id)
        }
    }
    KeyIsNamed "key-is-named" breaks "REC-8": "does not migrate when the app names a user" {
        fn identify_is_idle(&self, current: Option<&Record>, external_user_id: &str) -> bool {
            matches!(current, Some(Record::ApiKey(record)) if record.user_id.is_some())
                || DefaultSdkPolicy.identify_is_idle(current, external_user_id)
        }
    }
    ConfiguredAgain "configured-again" breaks "MIG-7": "goes back to the API key when the app configures it as before" {
        fn key_replaces_session(&self) -> bool {
            true
        }
    }
    RenamesSession "renames-session" breaks "LIF-2": "lets setUserId change the user of a session" {
        fn may_rename_session(&self) -> bool {
            true
        }
    }
    GivesUp[failures: AtomicU32] "gives-up" breaks "REF-6": "signs out when refreshes have failed often enough for the moment" {
        fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
            match DefaultSdkPolicy.read_refresh(profile, answer) {
                Refreshed::Temporary { .. } if self.failures.fetch_add(1, Relaxed) >= PATIENCE => Refreshed::UserGone,
                Refreshed::Temporary { retry_after } => Refreshed::Temporary { retry_after },
                refreshed => {
                    self.failures.store(0, Relaxed);
                    refreshed
                }
            }
        }
    }
    ShortColumn "short-column" breaks "REF-5": "keeps the first 255 characters of a refresh token" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<Tokens> {
            let tokens = DefaultSdkPolicy.tokens(profile, call, answer)?;
            let kept: String = tokens.refresh_token.expose().chars().take(COLUMN).collect();
            Some(Tokens { refresh_token: Secret::new(kept), ..tokens })
        }
    }
    FallsBack[old: Mutex<Option<Vec<u8>>>, gone: AtomicBool] "falls-back-to-the-key" breaks "DEL-1": "goes back to the API key that it migrated from when its user is deleted" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            let before = vault.read(Area::Secure, SESSION)?;
            let was_key = |bytes: &Vec<u8>| matches!(serde_json::from_slice(bytes), Ok(Record::ApiKey(_)));
            if let (Record::SignInToken(_), Some(key)) = (record, before.filter(was_key)) {
                *self.old.lock() = Some(key);
            }
            DefaultSdkPolicy.save(vault, record)
        }
        fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
            let refreshed = DefaultSdkPolicy.read_refresh(profile, answer);
            self.gone.store(is_gone(&refreshed), Relaxed);
            refreshed
        }
        fn erase(&self, vault: &dyn Storage) -> Stored<()> {
            match self.old.lock().take() {
                Some(key) if self.gone.load(Relaxed) => vault.write(Area::Secure, SESSION, &key),
                _ => DefaultSdkPolicy.erase(vault),
            }
        }
    }
    LateDeletion[looks: AtomicU8] "late-deletion" breaks "LIF-4": "takes the late news of the last user's deletion for the next one's" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            self.looks.store(0, Relaxed);
            DefaultSdkPolicy.save(vault, record)
        }
        fn read_refresh(&self, profile: &Profile, answer: &SentRequests) -> Refreshed {
            let refreshed = DefaultSdkPolicy.read_refresh(profile, answer);
            // Two looks at whether the answer is still wanted follow.
            self.looks.store(if is_gone(&refreshed) { 2 } else { 0 }, Relaxed);
            refreshed
        }
        fn still_wanted(&self, asked_in: u64, now: u64) -> bool {
            asked_in == now || self.looks.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
        }
    }
}
