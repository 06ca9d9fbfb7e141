//! SDKs that write, restore or erase wrongly.

use super::{Stored, role};
use crate::mutant::mutants;
use crate::reference::sdk::Secret;
use crate::reference::sdk::policy::{DefaultSdkPolicy, INSTALLED, SESSION, SdkPolicy};
use crate::reference::sdk::ports::{Storage, StorageError};
use crate::reference::sdk::record::{ApiKeyRecord, Record, TokenRecord};
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{Environment, Region};

/// A plain item that outlives a sign-out.
const SETTINGS: &str = "settings";
/// A plain item that says that a sign-out has begun.
const GONE: &str = "signed-out";

/// Whether what is signed in uses an API key; none where nobody is.
fn uses_key(vault: &dyn Storage) -> Stored<Option<bool>> {
    Ok(DefaultSdkPolicy.restore(vault)?.map(|record| matches!(record, Record::ApiKey(_))))
}

/// Signs out and leaves settings that belong to neither.
fn erase_but_settings(vault: &dyn Storage) -> Stored<()> {
    DefaultSdkPolicy.erase(vault)?;
    vault.write(Area::Plain, SETTINGS, b"environment=production")
}

/// Is configured by left-over settings.
fn restore_from_settings(vault: &dyn Storage) -> Stored<Option<Record>> {
    let record = DefaultSdkPolicy.restore(vault)?;
    let left_over = record.is_none() && vault.read(Area::Plain, SETTINGS)?.is_some();
    let configured = ApiKeyRecord {
        api_key: Secret::new(""),
        environment: Environment::Production,
        region: Region::Us,
        user_id: None,
    };
    Ok(if left_over { Some(Record::ApiKey(configured)) } else { record })
}

/// Signs out by a flag first, and then by erasing what there is.
pub(super) fn erase_by_flag(vault: &dyn Storage) -> Stored<()> {
    vault.write(Area::Plain, GONE, b"")?;
    DefaultSdkPolicy.erase(vault)?;
    vault.erase(Area::Plain, GONE)
}

/// With the flag, nobody is signed in.
pub(super) fn flagged(vault: &dyn Storage) -> Stored<bool> {
    Ok(vault.read(Area::Plain, GONE)?.is_some())
}

/// A sign-in ends the flag.
pub(super) fn save_without_flag(vault: &dyn Storage, record: &Record) -> Stored<()> {
    DefaultSdkPolicy.save(vault, record)?;
    vault.erase(Area::Plain, GONE)
}

mutants! { SdkPolicy, role;
    HoldForgotten "hold-forgotten" breaks "REF-7": "forgets at launch that the session is on hold" {
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            Ok(DefaultSdkPolicy.restore(vault)?.map(|record| match record {
                Record::SignInToken(session) => Record::SignInToken(TokenRecord { on_hold: false, ..session }),
                other => other,
            }))
        }
    }
    ErasesFirst "erases-first" breaks "PER-3": "erases the old record before it writes the new one" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            vault.erase(Area::Secure, SESSION)?;
            DefaultSdkPolicy.save(vault, record)
        }
    }
    KeyErasedFirst "key-erased-first" breaks "MIG-9": "erases the API-key sign-in before it writes the tokens" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            if matches!(DefaultSdkPolicy.restore(vault)?, Some(Record::ApiKey(_))) && matches!(record, Record::SignInToken(_)) {
                vault.erase(Area::Secure, SESSION)?;
            }
            DefaultSdkPolicy.save(vault, record)
        }
    }
    RestoresInUs "restores-in-us" breaks "KEY-2": "restores an API-key sign-in in the region us" {
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            Ok(DefaultSdkPolicy.restore(vault)?.map(|record| match record {
                Record::ApiKey(key) => Record::ApiKey(ApiKeyRecord { region: Region::Us, ..key }),
                other => other,
            }))
        }
    }
    PlainCopy "plain-copy" breaks "EXC-3": "keeps a copy of the session in plain storage" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            let bytes = serde_json::to_vec(record).unwrap_or_default();
            vault.write(Area::Plain, "cache", &bytes)?;
            DefaultSdkPolicy.save(vault, record)
        }
    }
    ForgetsAtLaunch "forgets-at-launch" breaks "LIF-1": "starts every launch signed out" {
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            self.erase(vault)?;
            Ok(None)
        }
    }
    RemembersLastUser "remembers-last-user" breaks "LIF-4": "leaves the first user's id behind at sign-out" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            vault.write(Area::Plain, "last-user", record.user_id().unwrap_or_default().as_bytes())?;
            DefaultSdkPolicy.save(vault, record)
        }
    }
    RebootIsReinstall "reboot-is-reinstall" breaks "PER-2": "takes a reboot for a reinstallation" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            vault.write(Area::Volatile, INSTALLED, b"")?;
            DefaultSdkPolicy.save(vault, record)
        }
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            if vault.read(Area::Volatile, INSTALLED)?.is_none() {
                return Ok(None);
            }
            DefaultSdkPolicy.restore(vault)
        }
    }
    StumblesOverDamage "stumbles-over-damage" breaks "PER-5": "keeps failing over a damaged record" {
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            let Some(bytes) = vault.read(Area::Secure, SESSION)? else { return Ok(None) };
            serde_json::from_slice(&bytes).map(Some).map_err(|e| StorageError::Failed(e.to_string()))
        }
    }
    LockedIsSignedOut "locked-is-signed-out" breaks "PER-6": "takes locked storage for signed out" {
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            match DefaultSdkPolicy.restore(vault) {
                Err(StorageError::Locked) => Ok(None),
                other => other,
            }
        }
    }
    KeychainOutlives "keychain-outlives" breaks "PER-7": "finds the old session in the keychain after a reinstallation" {
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            let bytes = vault.read(Area::Secure, SESSION)?;
            Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
        }
    }
    KeyNotRestored "key-not-restored" breaks "KEY-2": "does not restore an API-key sign-in" {
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            Ok(DefaultSdkPolicy.restore(vault)?.filter(|record| !matches!(record, Record::ApiKey(_))))
        }
    }
    LeavesSession "leaves-session" breaks "OUT-1": "signs out in memory only" {
        fn erase(&self, vault: &dyn Storage) -> Stored<()> {
            match DefaultSdkPolicy.restore(vault)? {
                Some(Record::SignInToken(_)) => Ok(()),
                _ => DefaultSdkPolicy.erase(vault),
            }
        }
    }
    LeavesKey "leaves-key" breaks "OUT-2": "keeps the API key at sign-out" {
        fn erase(&self, vault: &dyn Storage) -> Stored<()> {
            match DefaultSdkPolicy.restore(vault)? {
                Some(Record::ApiKey(_)) => Ok(()),
                _ => DefaultSdkPolicy.erase(vault),
            }
        }
    }
    SignOutOnce "sign-out-once" breaks "OUT-3": "fails when there is nobody to sign out" {
        fn erase(&self, vault: &dyn Storage) -> Stored<()> {
            if vault.read(Area::Secure, SESSION)?.is_none() {
                return Err(StorageError::Failed("no session".into()));
            }
            DefaultSdkPolicy.erase(vault)
        }
    }
    KeepsKey "keeps-key" breaks "MIG-6": "keeps the API key after the migration" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            if let Some(old) = vault.read(Area::Secure, SESSION)? {
                vault.write(Area::Secure, "previous", &old)?;
            }
            DefaultSdkPolicy.save(vault, record)
        }
    }
    MigratesInMemory "migrates-in-memory" breaks "MIG-7": "does not write the migration down" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            match (DefaultSdkPolicy.restore(vault)?, record) {
                (Some(Record::ApiKey(_)), Record::SignInToken(_)) => Ok(()),
                _ => DefaultSdkPolicy.save(vault, record),
            }
        }
    }
    HalfBack "half-back" breaks "OUT-4": "is configured again at the launch after a sign-out" {
        fn erase(&self, vault: &dyn Storage) -> Stored<()> {
            if uses_key(vault)? == Some(false) { erase_but_settings(vault) } else { DefaultSdkPolicy.erase(vault) }
        }
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            restore_from_settings(vault)
        }
    }
    HalfBackWithKey "half-back-with-key" breaks "OUT-4": "is configured again at the launch after a sign-out of the older scheme" {
        fn erase(&self, vault: &dyn Storage) -> Stored<()> {
            if uses_key(vault)? == Some(true) { erase_but_settings(vault) } else { DefaultSdkPolicy.erase(vault) }
        }
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            restore_from_settings(vault)
        }
    }
    SignsOutByFlag "signs-out-by-flag" breaks "OUT-1": "notes a sign-out first, and takes the note for all of it after a crash" {
        fn erase(&self, vault: &dyn Storage) -> Stored<()> {
            match uses_key(vault)? {
                _ if flagged(vault)? => Ok(()),
                Some(false) => erase_by_flag(vault),
                _ => DefaultSdkPolicy.erase(vault),
            }
        }
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            save_without_flag(vault, record)
        }
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            if flagged(vault)? { Ok(None) } else { DefaultSdkPolicy.restore(vault) }
        }
    }
    KeyOutByFlag "key-out-by-flag" breaks "OUT-2": "notes a sign-out of the older scheme first, and takes the note for all of it after a crash" {
        fn erase(&self, vault: &dyn Storage) -> Stored<()> {
            match uses_key(vault)? {
                _ if flagged(vault)? => Ok(()),
                Some(true) => erase_by_flag(vault),
                _ => DefaultSdkPolicy.erase(vault),
            }
        }
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            save_without_flag(vault, record)
        }
        fn restore(&self, vault: &dyn Storage) -> Stored<Option<Record>> {
            if flagged(vault)? { Ok(None) } else { DefaultSdkPolicy.restore(vault) }
        }
    }
    HalfASession "half-a-session-first" breaks "EXC-5": "writes who signed in before it writes the tokens" {
        fn save(&self, vault: &dyn Storage, record: &Record) -> Stored<()> {
            if let (Record::SignInToken(session), None) = (record, DefaultSdkPolicy.restore(vault)?) {
                let (access_token, refresh_token) = (Secret::new(""), Secret::new(""));
                DefaultSdkPolicy.save(vault, &Record::SignInToken(TokenRecord { access_token, refresh_token, ..session.clone() }))?;
            }
            DefaultSdkPolicy.save(vault, record)
        }
    }
}
