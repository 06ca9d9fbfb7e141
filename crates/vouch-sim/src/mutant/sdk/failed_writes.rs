//! SDK mutants that show when a write to storage fails.

use super::{StorageResult, sdk_policy};
use crate::mutant::mutants;
use crate::reference::sdk::policy::{DefaultSdkPolicy, SESSION, SdkPolicy};
use crate::reference::sdk::ports::Storage;
use crate::reference::sdk::record::Record;
use vouch_spec::protocol::message::Area;

/// What is signed in according to storage.
fn stored(storage: &dyn Storage) -> Option<Record> {
    DefaultSdkPolicy.restore(storage).ok().flatten()
}

mutants! { SdkPolicy, sdk_policy;
    SignInUnstored "sign-in-without-storage" breaks "PER-9": "Ignores the error when a sign-in cannot be stored" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            let first = stored(storage).is_none();
            let saved = DefaultSdkPolicy.save(storage, record);
            if first { Ok(()) } else { saved }
        }
    }
    RefreshUnstored "refresh-without-storage" breaks "PER-9": "Ignores the error when the tokens of a refresh cannot be stored" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            let refresh = matches!(stored(storage), Some(Record::SignInToken(_)));
            let saved = DefaultSdkPolicy.save(storage, record);
            if refresh { Ok(()) } else { saved }
        }
    }
    SignOutUnstored "sign-out-without-storage" breaks "PER-9": "Ignores the error when a sign-out cannot erase the session" {
        fn erase(&self, storage: &dyn Storage) -> StorageResult<()> {
            let _ = DefaultSdkPolicy.erase(storage);
            Ok(())
        }
    }
    KeyGoneFirst "key-gone-before-tokens" breaks "PER-9": "Signs out when a migration cannot be stored" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            let migrates = matches!(stored(storage), Some(Record::ApiKey(_))) && matches!(record, Record::SignInToken(_));
            let saved = DefaultSdkPolicy.save(storage, record);
            if migrates && saved.is_err() {
                storage.erase(Area::Secure, SESSION)?;
            }
            saved
        }
    }
}
