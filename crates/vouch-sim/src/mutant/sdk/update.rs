//! SDK mutants that show after an update, a downgrade, on a new device or in a second process.

use super::{StorageResult, sdk_policy};
use crate::mutant::mutants;
use crate::reference::sdk::policy::{DefaultSdkPolicy, INSTALLED, SESSION, SdkPolicy, TokenSet};
use crate::reference::sdk::ports::{HttpResponse, Storage};
use crate::reference::sdk::previous::{self, PreviousSdkPolicy};
use crate::reference::sdk::record::{Record, TokenRecord};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use vouch_spec::profile::{IdpCall, IdpRequest, Profile};
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{Environment, Region, StatusWord};

/// What the previous release left, if the app was not reinstalled since.
fn left(storage: &dyn Storage) -> StorageResult<Option<Record>> {
    match storage.read(Area::Plain, INSTALLED)? {
        Some(_) => PreviousSdkPolicy.restore(storage),
        None => Ok(None),
    }
}

fn erase_and_save(policy: &impl SdkPolicy, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
    previous::erase(storage)?;
    policy.save(storage, record)
}

/// Whether its tokens were issued by the wire profile of earlier releases.
fn is_of_old_wire(session: &TokenRecord) -> bool {
    session.profile == Profile::gcip().name
}

/// The plain item of an SDK that keeps its status there.
const STATUS: &str = "status";

mutants! { SdkPolicy, sdk_policy;
    ForgetsOldFormat "update-signs-out" breaks "UPD-1": "Does not read the format of the previous release" {
        fn adopt_previous(&self, storage: &dyn Storage) -> StorageResult<()> {
            previous::erase(storage)
        }
    }
    ForgetsOldKey "update-forgets-api-key" breaks "UPD-1": "Reads sessions of the previous release, and no API keys" {
        fn adopt_previous(&self, storage: &dyn Storage) -> StorageResult<()> {
            match left(storage)? {
                Some(Record::ApiKey(_)) => previous::erase(storage),
                _ => DefaultSdkPolicy.adopt_previous(storage),
            }
        }
    }
    AdoptsAlways "update-at-every-launch" breaks "UPD-1": "Takes over the session of the previous release at every launch" {
        fn adopt_previous(&self, storage: &dyn Storage) -> StorageResult<()> {
            match left(storage)? {
                Some(record) => self.save(storage, &record),
                None => Ok(()),
            }
        }
    }
    ErasesFirst "update-erases-first" breaks "UPD-2": "Erases the session of the previous release before it stores its own" {
        fn adopt_previous(&self, storage: &dyn Storage) -> StorageResult<()> {
            match left(storage)? {
                Some(record @ Record::SignInToken(_)) => erase_and_save(self, storage, &record),
                _ => DefaultSdkPolicy.adopt_previous(storage),
            }
        }
    }
    ErasesKeyFirst "update-erases-api-key-first" breaks "UPD-2": "Erases the API key of the previous release before it stores its own" {
        fn adopt_previous(&self, storage: &dyn Storage) -> StorageResult<()> {
            match left(storage)? {
                Some(record @ Record::ApiKey(_)) => erase_and_save(self, storage, &record),
                _ => DefaultSdkPolicy.adopt_previous(storage),
            }
        }
    }
    DropsHold "update-drops-hold" breaks "UPD-1": "Takes over no session that is on hold" {
        fn adopt_previous(&self, storage: &dyn Storage) -> StorageResult<()> {
            match left(storage)? {
                Some(record) if record.is_on_hold() => previous::erase(storage),
                _ => DefaultSdkPolicy.adopt_previous(storage),
            }
        }
    }
    TriesOnce "update-tried-once" breaks "UPD-1": "Does not try again to take over the session after a launch with locked storage" {
        fn adopt_previous(&self, storage: &dyn Storage) -> StorageResult<()> {
            if storage.read(Area::Plain, "updated")?.is_some() {
                return Ok(());
            }
            let adopted = DefaultSdkPolicy.adopt_previous(storage);
            storage.write(Area::Plain, "updated", b"")?;
            adopted
        }
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            storage.erase(Area::Plain, "updated")?;
            DefaultSdkPolicy.erase(storage)
        }
    }
    ForgetsOldWire "update-forgets-old-wire" breaks "UPD-5": "Takes over no session of another wire profile" {
        fn adopt_previous(&self, storage: &dyn Storage) -> StorageResult<()> {
            match left(storage)? {
                Some(Record::SignInToken(session)) if is_of_old_wire(&session) => previous::erase(storage),
                _ => DefaultSdkPolicy.adopt_previous(storage),
            }
        }
    }
    ReadsOldAnswers[old: AtomicBool] "update-reads-old-answers" breaks "UPD-5": "Reads the answer to the first refresh of a session of another wire profile as that profile has it" {
        fn refresh_request(&self, profile: &Profile, session: &TokenRecord) -> IdpRequest {
            self.old.store(is_of_old_wire(session), Relaxed);
            DefaultSdkPolicy.refresh_request(profile, session)
        }
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            let old = call == IdpCall::Refresh && self.old.swap(false, Relaxed);
            let gcip = Profile::gcip();
            DefaultSdkPolicy.tokens(if old { &gcip } else { profile }, call, answer)
        }
    }
    ForgetsRealm "update-forgets-region" breaks "UPD-5": "Continues a session of another wire profile, whose one host knows no region, in production us" {
        fn adopt_previous(&self, storage: &dyn Storage) -> StorageResult<()> {
            match left(storage)? {
                Some(Record::SignInToken(mut session)) if is_of_old_wire(&session) => {
                    (session.environment, session.region) = (Environment::Production, Region::Us);
                    self.save(storage, &Record::SignInToken(session))?;
                    previous::erase(storage)
                }
                _ => DefaultSdkPolicy.adopt_previous(storage),
            }
        }
    }
    OverwritesOldName "new-format-under-old-name" breaks "UPD-3": "Writes its own format under the name of the previous one" {
        fn adopt_previous(&self, storage: &dyn Storage) -> StorageResult<()> {
            match storage.read(Area::Secure, SESSION)? {
                Some(_) => Ok(()),
                None => DefaultSdkPolicy.adopt_previous(storage),
            }
        }
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            DefaultSdkPolicy.save(storage, record)?;
            storage.write(Area::Secure, "tokens", b"{\"version\": 2}")
        }
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            previous::erase(storage)?;
            DefaultSdkPolicy.erase(storage)
        }
    }
    PrefersOwnFormat "update-revives-user" breaks "UPD-4": "Keeps its own record where the previous release stored another one since" {
        fn adopt_previous(&self, storage: &dyn Storage) -> StorageResult<()> {
            match storage.read(Area::Secure, SESSION)? {
                Some(_) => previous::erase(storage),
                None => DefaultSdkPolicy.adopt_previous(storage),
            }
        }
    }
    StatusInPlain[status: parking_lot::Mutex<Option<Vec<StatusWord>>>] "status-in-backup" breaks "PER-11": "Reads at launch from plain storage whether a user is signed in" {
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            let record = DefaultSdkPolicy.restore(storage)?;
            let stored = storage.read(Area::Plain, STATUS)?;
            if record.is_none() && stored.is_some() {
                *self.status.lock() = Some(vec![StatusWord::Configured, StatusWord::SignedIn, StatusWord::UseSignInToken]);
            }
            Ok(record)
        }
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            *self.status.lock() = None;
            if matches!(record, Record::SignInToken(_)) {
                storage.write(Area::Plain, STATUS, b"")?;
            }
            DefaultSdkPolicy.save(storage, record)
        }
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            *self.status.lock() = None;
            // A reinstallation empties plain storage, a restored backup brings it back.
            storage.erase(Area::Plain, STATUS)?;
            DefaultSdkPolicy.erase(storage)
        }
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            self.status.lock().clone().unwrap_or_else(|| DefaultSdkPolicy.status(record))
        }
    }
    KeyStatusInPlain[lost: AtomicBool] "api-key-status-in-backup" breaks "PER-11": "Reads at launch from plain storage whether an API key is there" {
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            let record = DefaultSdkPolicy.restore(storage)?;
            self.lost.store(record.is_none() && storage.read(Area::Plain, STATUS)?.is_some(), Relaxed);
            Ok(record)
        }
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            self.lost.store(false, Relaxed);
            match record {
                Record::ApiKey(_) => storage.write(Area::Plain, STATUS, b"")?,
                Record::SignInToken(_) => storage.erase(Area::Plain, STATUS)?,
            }
            DefaultSdkPolicy.save(storage, record)
        }
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            self.lost.store(false, Relaxed);
            storage.erase(Area::Plain, STATUS)?;
            DefaultSdkPolicy.erase(storage)
        }
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            match self.lost.load(Relaxed) {
                true => vec![StatusWord::Configured, StatusWord::SignedIn, StatusWord::UseApiKey],
                false => DefaultSdkPolicy.status(record),
            }
        }
    }
    RefreshesBesides "processes-refresh-at-once" breaks "MUL-1": "Does not wait for the refresh of another process" {
        fn refreshes_alone(&self) -> bool {
            false
        }
    }
    OwnTokens "process-keeps-its-tokens" breaks "MUL-1": "Does not take over tokens that another process has renewed" {
        fn follows_other_processes(&self, own: Option<&Record>, stored: Option<&Record>) -> bool {
            own.and_then(Record::user_id) != stored.and_then(Record::user_id)
        }
    }
    MissesSignOut "process-misses-sign-out" breaks "MUL-2": "Does not notice that another process has signed out" {
        fn follows_other_processes(&self, _: Option<&Record>, stored: Option<&Record>) -> bool {
            stored.is_some()
        }
    }
    StoresAnyway[refreshed: AtomicBool] "process-revives-session" breaks "MUL-2": "Stores renewed tokens although another process has signed out meanwhile" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            self.refreshed.store(call == IdpCall::Refresh, Relaxed);
            DefaultSdkPolicy.tokens(profile, call, answer)
        }
        fn looks_before_storing(&self) -> bool {
            !self.refreshed.load(Relaxed)
        }
    }
    StoresExchangeAnyway[exchanged: AtomicBool] "process-revives-session-by-exchange" breaks "MUL-2": "Stores the tokens of an exchange although another process has signed out meanwhile" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            self.exchanged.store(call == IdpCall::Exchange, Relaxed);
            DefaultSdkPolicy.tokens(profile, call, answer)
        }
        fn looks_before_storing(&self) -> bool {
            !self.exchanged.load(Relaxed)
        }
    }
    MissesSignIn "process-misses-sign-in" breaks "MUL-3": "Does not notice that another process has signed in" {
        fn follows_other_processes(&self, own: Option<&Record>, _: Option<&Record>) -> bool {
            own.is_some()
        }
    }
}
