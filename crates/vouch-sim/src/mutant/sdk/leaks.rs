//! SDK mutants that wrap the reference's network or storage.

use super::AloneOnStorage;
use crate::mutant::{Mutant, Mutation};
use crate::reference::adapter::{SdkFactory, SdkParts};
use crate::reference::sdk::policy::{DefaultSdkPolicy, SESSION};
use crate::reference::sdk::ports::{
    Host, HttpRequest, HttpResponse, Network, NetworkError, ProcessLock, Section, Storage, StorageError,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use vouch_spec::protocol::message::{Area, Item};

/// `RequestFilter` requests a fault applies to.
type RequestFilter = fn(&HttpRequest) -> bool;

fn is_api(call: &HttpRequest) -> bool {
    call.host == Host::Api
}

fn is_refresh(call: &HttpRequest) -> bool {
    call.host == Host::Auth && call.body.contains("grant_type=refresh_token")
}

fn is_exchange(call: &HttpRequest) -> bool {
    call.host == Host::Auth && !is_refresh(call)
}

/// What a network does wrong.
#[derive(Clone, Copy)]
enum RequestFault {
    /// Has no time-out.
    NoTimeout,
    /// Tries again at once after a 429.
    RetriesAtOnce,
    /// Loses the bodies of answers.
    LosesBodies,
    /// Erases the session when a call is refused.
    ErasesWhenRefused,
}

#[derive(Clone, Copy)]
struct FaultyNetworkFactory(RequestFault, RequestFilter);

struct LeakyNetwork {
    net: Arc<dyn Network>,
    storage: Arc<dyn Storage>,
    bad: FaultyNetworkFactory,
}

#[async_trait]
impl Network for LeakyNetwork {
    async fn send(&self, call: HttpRequest) -> Result<HttpResponse, NetworkError> {
        let mut answer = self.net.send(call.clone()).await;
        if !(self.bad.1)(&call) {
            return answer;
        }
        match self.bad.0 {
            RequestFault::NoTimeout if matches!(answer, Err(NetworkError::Timeout)) => std::future::pending().await,
            RequestFault::RetriesAtOnce if matches!(&answer, Ok(busy) if busy.status == 429) => {
                self.net.send(call).await
            }
            RequestFault::LosesBodies => {
                if let Ok(answer) = &mut answer {
                    answer.body.clear();
                }
                answer
            }
            RequestFault::ErasesWhenRefused if matches!(&answer, Ok(refused) if refused.status == 401) => {
                let _ = self.storage.erase(Area::Secure, SESSION);
                answer
            }
            RequestFault::NoTimeout | RequestFault::RetriesAtOnce | RequestFault::ErasesWhenRefused => answer,
        }
    }
}

impl SdkFactory for FaultyNetworkFactory {
    fn assemble(&self, storage: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        let faulty = LeakyNetwork { net, storage: storage.clone(), bad: *self };
        SdkParts { policy: Arc::new(DefaultSdkPolicy), storage, net: Arc::new(faulty) }
    }
}

/// What storage does wrong while it is locked.
#[derive(Clone, Copy)]
enum WhileLocked {
    /// Takes what was to be written into memory, and leaves it there.
    Writes,
    /// Takes what was to be erased for erased.
    Erases,
}

struct LockedStorage {
    storage: Arc<dyn Storage>,
    how: WhileLocked,
    memory: Mutex<HashMap<String, Vec<u8>>>,
}

impl LockedStorage {
    fn remember(&self, key: &str, value: &[u8]) {
        self.memory.lock().insert(key.to_owned(), value.to_vec());
    }
}

impl Storage for LockedStorage {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        match (self.storage.read(area, key), self.how) {
            (Err(StorageError::Locked), WhileLocked::Writes) => {
                let known = self.memory.lock().get(key).cloned();
                known.map(Some).ok_or(StorageError::Locked)
            }
            (read, _) => read,
        }
    }

    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), StorageError> {
        let written = self.storage.write(area, key, value);
        match (written, self.how) {
            (Ok(()), _) => {
                self.remember(key, value);
                Ok(())
            }
            (Err(StorageError::Locked), WhileLocked::Writes) => {
                self.remember(key, value);
                Ok(())
            }
            (Err(error), _) => Err(error),
        }
    }

    fn erase(&self, area: Area, key: &str) -> Result<(), StorageError> {
        self.memory.lock().remove(key);
        match (self.storage.erase(area, key), self.how) {
            (Err(StorageError::Locked), WhileLocked::Erases) => Ok(()),
            (erased, _) => erased,
        }
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

impl SdkFactory for WhileLocked {
    fn assemble(&self, storage: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        let locked = LockedStorage { storage, how: *self, memory: Mutex::default() };
        SdkParts { policy: Arc::new(AloneOnStorage), storage: Arc::new(locked), net }
    }
}

pub(super) fn mutants() -> Vec<Mutant> {
    let sdk = |name, clause, about, assembly: Arc<dyn SdkFactory>| Mutant {
        name,
        clause,
        about,
        mutation: Mutation::Sdk(assembly),
        profile: None,
        vary: None,
    };
    let net = |name, clause, about, fault, which: RequestFilter| {
        sdk(name, clause, about, Arc::new(FaultyNetworkFactory(fault, which)))
    };
    vec![
        net(
            "exchange-without-time-out",
            "EXC-4",
            "Waits without a time-out for the response to an exchange",
            RequestFault::NoTimeout,
            is_exchange,
        ),
        net(
            "refresh-without-time-out",
            "REF-6",
            "Waits without a time-out for the response to a refresh",
            RequestFault::NoTimeout,
            is_refresh,
        ),
        net(
            "api-without-time-out",
            "DEL-4",
            "Waits without a time-out for the API's response",
            RequestFault::NoTimeout,
            is_api,
        ),
        net("hammers-the-api", "REF-9", "Retries an API call at once after a 429", RequestFault::RetriesAtOnce, is_api),
        net(
            "hammers-the-exchange",
            "REF-9",
            "Retries an exchange at once after a 429",
            RequestFault::RetriesAtOnce,
            is_exchange,
        ),
        net(
            "loses-bodies",
            "SCO-1",
            "Returns API responses to the app without a body",
            RequestFault::LosesBodies,
            is_api,
        ),
        net(
            "refused-key-signs-out",
            "DEL-4",
            "Erases the API-key sign-in when the API answers 401",
            RequestFault::ErasesWhenRefused,
            |call| call.headers.iter().any(|(name, _)| *name == "x-vital-api-key"),
        ),
        sdk(
            "forgets-while-locked",
            "PER-4",
            "Does not store what it received while storage was locked",
            Arc::new(WhileLocked::Writes),
        ),
        sdk(
            "erases-while-locked",
            "OUT-1",
            "Reports a sign-out although storage was locked and nothing was erased",
            Arc::new(WhileLocked::Erases),
        ),
    ]
}
