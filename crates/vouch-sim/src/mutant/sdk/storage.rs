//! SDK mutants that store, restore or erase wrongly.

use super::{StorageResult, sdk_policy};
use crate::mutant::mutants;
use crate::reference::sdk::policy::{DefaultSdkPolicy, INSTALLED, SESSION, SdkPolicy};
use crate::reference::sdk::ports::{Storage, StorageError};
use crate::reference::sdk::record::{ApiKeyRecord, Record, TokenRecord};
use crate::reference::sdk::{Result, Secret};
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{Environment, Region};

/// A plain item that outlives a sign-out.
const SETTINGS: &str = "settings";
/// A plain item that says that a sign-out has begun.
const GONE: &str = "signed-out";

/// Whether what is signed in uses an API key; none where nobody is.
fn uses_key(storage: &dyn Storage) -> StorageResult<Option<bool>> {
    Ok(DefaultSdkPolicy.restore(storage)?.map(|record| matches!(record, Record::ApiKey(_))))
}

/// Signs out and leaves settings that belong to neither.
fn erase_but_settings(storage: &dyn Storage) -> StorageResult<()> {
    DefaultSdkPolicy.erase(storage)?;
    storage.write(Area::Plain, SETTINGS, b"environment=production")
}

/// Is configured by left-over settings.
fn restore_from_settings(storage: &dyn Storage) -> StorageResult<Option<Record>> {
    let record = DefaultSdkPolicy.restore(storage)?;
    let left_over = record.is_none() && storage.read(Area::Plain, SETTINGS)?.is_some();
    let configured = ApiKeyRecord {
        api_key: Secret::new(""),
        environment: Environment::Production,
        region: Region::Us,
        user_id: None,
    };
    Ok(if left_over { Some(Record::ApiKey(configured)) } else { record })
}

/// Signs out by a flag first, and then by erasing what there is.
pub(super) fn erase_by_flag(storage: &dyn Storage) -> StorageResult<()> {
    storage.write(Area::Plain, GONE, b"")?;
    DefaultSdkPolicy.erase(storage)?;
    storage.erase(Area::Plain, GONE)
}

/// With the flag, nobody is signed in.
pub(super) fn flagged(storage: &dyn Storage) -> StorageResult<bool> {
    Ok(storage.read(Area::Plain, GONE)?.is_some())
}

/// A sign-in ends the flag.
pub(super) fn save_without_flag(storage: &dyn Storage, record: &Record) -> StorageResult<()> {
    DefaultSdkPolicy.save(storage, record)?;
    storage.erase(Area::Plain, GONE)
}

mutants! { SdkPolicy, sdk_policy;
    HoldForgotten "hold-forgotten" breaks "REF-7": "Restores a session on hold as an active one" {
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            Ok(DefaultSdkPolicy.restore(storage)?.map(|record| match record {
                Record::SignInToken(session) => Record::SignInToken(TokenRecord { on_hold: false, ..session }),
                other @ Record::ApiKey(_) => other,
            }))
        }
    }
    ErasesFirst "erases-first" breaks "PER-3": "Erases the old record before it stores the new one" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            storage.erase(Area::Secure, SESSION)?;
            DefaultSdkPolicy.save(storage, record)
        }
    }
    KeyErasedFirst "key-erased-first" breaks "MIG-9": "Erases the API-key sign-in before it stores the tokens" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            if matches!(DefaultSdkPolicy.restore(storage)?, Some(Record::ApiKey(_))) && matches!(record, Record::SignInToken(_)) {
                storage.erase(Area::Secure, SESSION)?;
            }
            DefaultSdkPolicy.save(storage, record)
        }
    }
    RestoresInUs "restores-in-us" breaks "KEY-2": "Restores an API-key sign-in in the region us" {
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            Ok(DefaultSdkPolicy.restore(storage)?.map(|record| match record {
                Record::ApiKey(key) => Record::ApiKey(ApiKeyRecord { region: Region::Us, ..key }),
                other @ Record::SignInToken(_) => other,
            }))
        }
    }
    PlainCopy "plain-copy" breaks "EXC-3": "Stores a copy of the session in plain storage" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            let bytes = serde_json::to_vec(record).unwrap_or_default();
            storage.write(Area::Plain, "cache", &bytes)?;
            DefaultSdkPolicy.save(storage, record)
        }
    }
    ForgetsAtLaunch "forgets-at-launch" breaks "LIF-1": "Starts every launch signed out" {
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            self.erase(storage)?;
            Ok(None)
        }
    }
    RemembersLastUser "remembers-last-user" breaks "LIF-4": "Leaves the user's id in storage after a sign-out" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            storage.write(Area::Plain, "last-user", record.user_id().unwrap_or_default().as_bytes())?;
            DefaultSdkPolicy.save(storage, record)
        }
    }
    RebootIsReinstall "reboot-is-reinstall" breaks "PER-2": "Treats a reboot as a reinstallation" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            storage.write(Area::Volatile, INSTALLED, b"")?;
            DefaultSdkPolicy.save(storage, record)
        }
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            if storage.read(Area::Volatile, INSTALLED)?.is_none() {
                return Ok(None);
            }
            DefaultSdkPolicy.restore(storage)
        }
    }
    StumblesOverDamage "stumbles-over-damage" breaks "PER-5": "Fails at every launch when the record is corrupt" {
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            let Some(bytes) = storage.read(Area::Secure, SESSION)? else { return Ok(None) };
            serde_json::from_slice(&bytes).map(Some).map_err(|e| StorageError::Failed(e.to_string()))
        }
    }
    LockedIsSignedOut "locked-is-signed-out" breaks "PER-8": "Treats locked storage as signed out" {
        fn adopt_previous(&self, storage: &dyn Storage) -> StorageResult<()> {
            match DefaultSdkPolicy.adopt_previous(storage) {
                Err(StorageError::Locked) => Ok(()),
                adopted => adopted,
            }
        }
        fn follows_other_processes(&self, _: Option<&Record>, _: Option<&Record>) -> bool {
            false
        }
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            match DefaultSdkPolicy.restore(storage) {
                Err(StorageError::Locked) => Ok(None),
                other => other,
            }
        }
    }
    LockedLooksEmpty "locked-looks-empty" breaks "PER-6": "Reports no user while storage is locked" {
        fn locked_looks_empty(&self) -> bool {
            true
        }
    }
    KeychainOutlives "keychain-outlives" breaks "PER-7": "Restores the old session from the keychain after a reinstallation" {
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            let bytes = storage.read(Area::Secure, SESSION)?;
            Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
        }
    }
    KeyNotRestored "key-not-restored" breaks "KEY-2": "Does not restore an API-key sign-in" {
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            Ok(DefaultSdkPolicy.restore(storage)?.filter(|record| !matches!(record, Record::ApiKey(_))))
        }
    }
    ConfigureForgets "configure-forgets-user" breaks "KEY-7": "Forgets the user when configure is called again with the same API key" {
        fn user_after_configure(&self, _: &ApiKeyRecord, _: &str) -> Result<Option<String>> {
            Ok(None)
        }
    }
    FormDecodesUser "form-decodes-user" breaks "KEY-2": "Restores a plus sign in the user's id as a space" {
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            Ok(DefaultSdkPolicy.restore(storage)?.map(|record| match record {
                Record::ApiKey(key) => {
                    Record::ApiKey(ApiKeyRecord { user_id: key.user_id.map(|id| id.replace('+', " ")), ..key })
                }
                other @ Record::SignInToken(_) => other,
            }))
        }
    }
    LeavesSession "leaves-session" breaks "OUT-1": "Signs out in memory only" {
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            match DefaultSdkPolicy.restore(storage)? {
                Some(Record::SignInToken(_)) => Ok(()),
                _ => DefaultSdkPolicy.erase(storage),
            }
        }
    }
    LeavesTeam "leaves-team" breaks "OUT-1": "Leaves the id of the team in plain storage after a sign-out" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            if let Record::SignInToken(session) = record {
                storage.write(Area::Plain, SETTINGS, session.team.as_bytes())?;
            }
            DefaultSdkPolicy.save(storage, record)
        }
    }
    LeavesKey "leaves-key" breaks "OUT-2": "Leaves the API key in storage after a sign-out" {
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            match DefaultSdkPolicy.restore(storage)? {
                Some(Record::ApiKey(_)) => Ok(()),
                _ => DefaultSdkPolicy.erase(storage),
            }
        }
    }
    SignOutOnce "sign-out-once" breaks "OUT-3": "Fails when nobody is signed in" {
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            if storage.read(Area::Secure, SESSION)?.is_none() {
                return Err(StorageError::Failed("no session".into()));
            }
            DefaultSdkPolicy.erase(storage)
        }
    }
    KeepsKey "keeps-key" breaks "MIG-6": "Leaves the API key in storage after the migration" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            if let Some(old) = storage.read(Area::Secure, SESSION)? {
                storage.write(Area::Secure, "previous", &old)?;
            }
            DefaultSdkPolicy.save(storage, record)
        }
    }
    MigratesInMemory "migrates-in-memory" breaks "MIG-7": "Does not store the migration" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            match (DefaultSdkPolicy.restore(storage)?, record) {
                (Some(Record::ApiKey(_)), Record::SignInToken(_)) => Ok(()),
                _ => DefaultSdkPolicy.save(storage, record),
            }
        }
    }
    HalfBack "half-back" breaks "OUT-4": "Is configured again at the launch after a sign-out" {
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            if uses_key(storage)? == Some(false) { erase_but_settings(storage) } else { DefaultSdkPolicy.erase(storage) }
        }
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            restore_from_settings(storage)
        }
    }
    HalfBackWithKey "half-back-with-key" breaks "OUT-4": "Is configured again at the launch after a sign-out of the API-key scheme" {
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            if uses_key(storage)? == Some(true) { erase_but_settings(storage) } else { DefaultSdkPolicy.erase(storage) }
        }
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            restore_from_settings(storage)
        }
    }
    SignsOutByFlag "signs-out-by-flag" breaks "OUT-1": "Marks a sign-out first and treats the mark as done after a crash" {
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            match uses_key(storage)? {
                _ if flagged(storage)? => Ok(()),
                Some(false) => erase_by_flag(storage),
                _ => DefaultSdkPolicy.erase(storage),
            }
        }
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            save_without_flag(storage, record)
        }
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            if flagged(storage)? { Ok(None) } else { DefaultSdkPolicy.restore(storage) }
        }
    }
    KeyOutByFlag "key-out-by-flag" breaks "OUT-2": "Marks a sign-out of the API-key scheme first and treats the mark as done after a crash" {
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            match uses_key(storage)? {
                _ if flagged(storage)? => Ok(()),
                Some(true) => erase_by_flag(storage),
                _ => DefaultSdkPolicy.erase(storage),
            }
        }
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            save_without_flag(storage, record)
        }
        fn restore(&self, storage: &dyn Storage) -> StorageResult<Option<Record>> {
            if flagged(storage)? { Ok(None) } else { DefaultSdkPolicy.restore(storage) }
        }
    }
    HalfASession "half-a-session-first" breaks "EXC-5": "Stores the user before it stores the tokens" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            if let (Record::SignInToken(session), None) = (record, DefaultSdkPolicy.restore(storage)?) {
                let (access_token, refresh_token) = (Secret::new(""), Secret::new(""));
                DefaultSdkPolicy.save(storage, &Record::SignInToken(TokenRecord { access_token, refresh_token, ..session.clone() }))?;
            }
            DefaultSdkPolicy.save(storage, record)
        }
    }
}
