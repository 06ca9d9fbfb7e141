//! SDKs that keep in memory what locked storage does not take, and write it before their next request.

use crate::mutant::{Mutant, Mutation};
use crate::reference::adapter::{SdkFactory, SdkParts};
use crate::reference::sdk::policy::{DefaultSdkPolicy, SESSION};
use crate::reference::sdk::ports::{
    HttpRequest, HttpResponse, Network, NetworkError, ProcessLock, Section, Storage, StorageError,
};
use crate::reference::sdk::record::Record;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::Arc;
use vouch_spec::protocol::message::{Area, Item};

/// What such an SDK does with tokens that are not stored yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unstored {
    /// It sends them.
    Used,
    /// It sends nothing until they are stored.
    HeldBack,
}

/// Storage that takes the tokens of a refresh into memory while it is locked.
struct WriteBehind {
    storage: Arc<dyn Storage>,
    pending: Mutex<Option<Vec<u8>>>,
    /// The last record that was stored in this launch, or restored.
    stored: Mutex<Option<Vec<u8>>>,
}

fn is_session(record: &[u8]) -> bool {
    matches!(serde_json::from_slice(record), Ok(Record::SignInToken(_)))
}

impl WriteBehind {
    /// Writes what is pending. Returns whether nothing is pending any more.
    fn flush(&self) -> bool {
        let mut pending = self.pending.lock();
        let Some(record) = pending.as_ref() else { return true };
        let written = self.storage.write(Area::Secure, SESSION, record).is_ok();
        if written {
            *self.stored.lock() = pending.take();
        }
        written
    }

    fn renews_session(&self, record: &[u8]) -> bool {
        is_session(record) && self.stored.lock().as_deref().is_some_and(is_session)
    }
}

impl Storage for WriteBehind {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let value = self.storage.read(area, key)?;
        if (area, key) == (Area::Secure, SESSION) {
            self.stored.lock().clone_from(&value);
        }
        Ok(value)
    }

    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), StorageError> {
        let session = (area, key) == (Area::Secure, SESSION);
        match self.storage.write(area, key, value) {
            Err(StorageError::Locked) if session && self.renews_session(value) => {
                *self.pending.lock() = Some(value.to_vec());
                Ok(())
            }
            Ok(()) if session => {
                *self.pending.lock() = None;
                *self.stored.lock() = Some(value.to_vec());
                Ok(())
            }
            written => written,
        }
    }

    fn erase(&self, area: Area, key: &str) -> Result<(), StorageError> {
        self.storage.erase(area, key)?;
        if (area, key) == (Area::Secure, SESSION) {
            (*self.pending.lock(), *self.stored.lock()) = (None, None);
        }
        Ok(())
    }

    fn remove_partial_writes(&self) -> Result<(), StorageError> {
        self.storage.remove_partial_writes()
    }

    fn items(&self) -> Result<Vec<Item>, StorageError> {
        self.storage.items()
    }

    fn is_shared(&self) -> bool {
        self.storage.is_shared()
    }

    fn lock(&self, section: Section) -> Option<ProcessLock> {
        self.storage.lock(section)
    }
}

/// Writes what is pending before each request.
struct FlushingNetwork {
    net: Arc<dyn Network>,
    storage: Arc<WriteBehind>,
    how: Unstored,
}

#[async_trait]
impl Network for FlushingNetwork {
    async fn send(&self, call: HttpRequest) -> Result<HttpResponse, NetworkError> {
        if !self.storage.flush() && self.how == Unstored::HeldBack {
            return Err(NetworkError::ConnectionLost);
        }
        self.net.send(call).await
    }
}

impl SdkFactory for Unstored {
    fn assemble(&self, storage: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        let storage = Arc::new(WriteBehind { storage, pending: Mutex::default(), stored: Mutex::default() });
        let net = Arc::new(FlushingNetwork { net, storage: storage.clone(), how: *self });
        SdkParts { policy: Arc::new(DefaultSdkPolicy), storage, net }
    }
}

/// An honest SDK that keeps unstored tokens in memory and sends them once they are stored.
pub(crate) fn holds_tokens_back() -> Mutation {
    Mutation::Sdk(Arc::new(Unstored::HeldBack))
}

pub(super) fn mutants() -> Vec<Mutant> {
    vec![Mutant {
        name: "uses-unstored-tokens",
        clause: "PER-10",
        about: "Uses the tokens of a refresh before they are stored, while storage is locked",
        profile: None,
        vary: None,
        mutation: Mutation::Sdk(Arc::new(Unstored::Used)),
    }]
}
