//! The release of the reference SDK before this one. It kept the record under another name for each scheme.

use super::policy::{INSTALLED, SESSION, SdkPolicy};
use super::ports::{Storage, StorageError};
use super::record::{ApiKeyRecord, Record, TokenRecord};
use serde::de::DeserializeOwned;
use vouch_spec::protocol::message::Area;

/// The secure item of a session with tokens.
const TOKENS: &str = "tokens";
/// The secure item of an installation with an API key.
const API_KEY: &str = "api-key";

/// The policy of that release.
#[derive(Default)]
pub struct PreviousSdkPolicy;

impl SdkPolicy for PreviousSdkPolicy {
    fn adopt_previous(&self, _: &dyn Storage) -> Result<(), StorageError> {
        Ok(())
    }

    fn restore(&self, storage: &dyn Storage) -> Result<Option<Record>, StorageError> {
        storage.remove_partial_writes()?;
        if storage.read(Area::Plain, INSTALLED)?.is_none() {
            erase(storage)?;
        }
        read(storage)
    }

    fn save(&self, storage: &dyn Storage, record: &Record) -> Result<(), StorageError> {
        storage.write(Area::Plain, INSTALLED, b"")?;
        let failed = |error: serde_json::Error| StorageError::Failed(error.to_string());
        match record {
            Record::SignInToken(session) => {
                storage.write(Area::Secure, TOKENS, &serde_json::to_vec(session).map_err(failed)?)?;
                storage.erase(Area::Secure, API_KEY)
            }
            Record::ApiKey(record) => {
                storage.write(Area::Secure, API_KEY, &serde_json::to_vec(record).map_err(failed)?)
            }
        }
    }

    fn erase(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        erase(storage)?;
        storage.erase(Area::Plain, INSTALLED)
    }
}

/// What that release stored.
fn read(storage: &dyn Storage) -> Result<Option<Record>, StorageError> {
    if let Some(session) = item::<TokenRecord>(storage, TOKENS)? {
        return Ok(Some(Record::SignInToken(session)));
    }
    Ok(item::<ApiKeyRecord>(storage, API_KEY)?.map(Record::ApiKey))
}

fn item<T: DeserializeOwned>(storage: &dyn Storage, key: &str) -> Result<Option<T>, StorageError> {
    let Some(bytes) = storage.read(Area::Secure, key)? else { return Ok(None) };
    let unreadable = |error| StorageError::Failed(format!("the item `{key}` cannot be read: {error}"));
    serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
}

/// Erases what that release stored.
pub(crate) fn erase(storage: &dyn Storage) -> Result<(), StorageError> {
    storage.erase(Area::Secure, TOKENS)?;
    storage.erase(Area::Secure, API_KEY)
}

/// Whether that release left anything.
pub(crate) fn left_something(storage: &dyn Storage) -> Result<bool, StorageError> {
    Ok(storage.read(Area::Secure, TOKENS)?.is_some() || storage.read(Area::Secure, API_KEY)?.is_some())
}

/// Takes over what that release left (UPD-1, UPD-2, UPD-4). The new item is written before the old ones are erased: a kill in
/// between leaves both, and they are equal. Where they differ, that release ran again since, and what it stored is newer.
pub(super) fn adopt(policy: &(impl SdkPolicy + ?Sized), storage: &dyn Storage) -> Result<(), StorageError> {
    if !left_something(storage)? {
        return Ok(());
    }
    let installed = storage.read(Area::Plain, INSTALLED)?.is_some();
    if let (true, Ok(Some(record))) = (installed, read(storage)) {
        let own = storage.read(Area::Secure, SESSION)?.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
        if own.as_ref() != Some(&record) {
            policy.save(storage, &record)?;
        }
    }
    erase(storage)
}
