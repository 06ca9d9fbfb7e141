//! SDK mutants that write in the wrong order or to the wrong place: each wraps the reference's storage or network.

use super::{AloneOnStorage, NetworkResult};
use crate::mutant::{Mutant, Mutation};
use crate::reference::adapter::{SdkFactory, SdkParts};
use crate::reference::sdk::policy::{DefaultSdkPolicy, INSTALLED, SESSION};
use crate::reference::sdk::ports::{
    Host, HttpRequest, HttpResponse, Network, ProcessLock, Section, Storage, StorageError,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::Arc;
use vouch_spec::protocol::message::{Area, Item};

/// What a network does before a call, and after it.
type Before = fn(&HttpRequest, &dyn Storage);
type After = fn(&HttpRequest, &NetworkResult, &dyn Storage);

/// A network that changes storage before or after a request, or the request itself.
struct Interception {
    net: Arc<dyn Network>,
    storage: Arc<dyn Storage>,
    before: Before,
    after: After,
    change: fn(&mut HttpRequest),
}

#[async_trait]
impl Network for Interception {
    async fn send(&self, mut call: HttpRequest) -> NetworkResult {
        (self.before)(&call, &*self.storage);
        (self.change)(&mut call);
        let answer = self.net.send(call.clone()).await;
        (self.after)(&call, &answer, &*self.storage);
        answer
    }
}

#[derive(Clone, Copy)]
struct Interceptor {
    before: Before,
    after: After,
    change: fn(&mut HttpRequest),
}

const NO_CHANGE: Interceptor = Interceptor { before: |_, _| {}, after: |_, _, _| {}, change: |_| {} };

impl SdkFactory for Interceptor {
    fn assemble(&self, storage: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        let intercepted =
            Interception { net, storage: storage.clone(), before: self.before, after: self.after, change: self.change };
        SdkParts { policy: Arc::new(AloneOnStorage), storage, net: Arc::new(intercepted) }
    }
}

pub(super) fn is_exchange(call: &HttpRequest) -> bool {
    call.host == Host::Auth && !is_refresh(call)
}

fn is_refresh(call: &HttpRequest) -> bool {
    call.body.contains("grant_type=refresh_token")
}

/// A session as it would be if the exchange were sure to work.
const PREMATURE_SESSION: &[u8] = br#"{"scheme":"signInToken","userId":"somebody","environment":"production","region":"us","accessToken":"-","refreshToken":"-","expiresAtMs":0,"onHold":false}"#;

/// What the SDK's storage does wrong.
#[derive(Clone, Copy)]
enum StorageFault {
    /// Everything in memory.
    Memory,
    /// A session that replaces another waits for an orderly end.
    Late,
    /// Erasing does nothing.
    Keeping,
}

struct FaultyStorage {
    storage: Arc<dyn Storage>,
    how: StorageFault,
    memory: Mutex<Vec<(Area, String, Vec<u8>)>>,
}

impl FaultyStorage {
    fn remember(&self, area: Area, key: &str, value: Option<&[u8]>) {
        let mut memory = self.memory.lock();
        memory.retain(|(a, k, _)| (*a, k.as_str()) != (area, key));
        memory.extend(value.map(|value| (area, key.to_owned(), value.to_vec())));
    }

    fn recall(&self, area: Area, key: &str) -> Option<Vec<u8>> {
        let memory = self.memory.lock();
        memory.iter().find(|(a, k, _)| (*a, k.as_str()) == (area, key)).map(|(_, _, value)| value.clone())
    }
}

impl Storage for FaultyStorage {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        match self.recall(area, key) {
            Some(value) => Ok(Some(value)),
            None => self.storage.read(area, key),
        }
    }

    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), StorageError> {
        let late = || -> Result<bool, StorageError> { Ok(key == SESSION && self.storage.read(area, key)?.is_some()) };
        match self.how {
            StorageFault::Memory => self.remember(area, key, Some(value)),
            StorageFault::Late if late()? => self.remember(area, key, Some(value)),
            StorageFault::Late | StorageFault::Keeping => self.storage.write(area, key, value)?,
        }
        Ok(())
    }

    fn erase(&self, area: Area, key: &str) -> Result<(), StorageError> {
        self.remember(area, key, None);
        if matches!(self.how, StorageFault::Keeping) { Ok(()) } else { self.storage.erase(area, key) }
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

/// An orderly end; after a kill nothing can be written any more.
impl Drop for FaultyStorage {
    fn drop(&mut self) {
        if let StorageFault::Late = self.how {
            let memory = self.memory.get_mut();
            for (area, key, value) in memory.drain(..) {
                let _ = self.storage.write(area, &key, &value);
            }
        }
    }
}

impl SdkFactory for StorageFault {
    fn assemble(&self, storage: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        let faulty = FaultyStorage { storage, how: *self, memory: Mutex::default() };
        SdkParts { policy: Arc::new(DefaultSdkPolicy), storage: Arc::new(faulty), net }
    }
}

#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn mutants() -> Vec<Mutant> {
    let sdk = |name, clause, about, assembly: Arc<dyn SdkFactory>| Mutant {
        name,
        clause,
        about,
        profile: None,
        vary: None,
        mutation: Mutation::Sdk(assembly),
    };
    let net = |name, clause, about, interceptor: Interceptor| sdk(name, clause, about, Arc::new(interceptor));
    vec![
        net(
            "signed-in-too-soon",
            "EXC-5",
            "Stores the session before the exchange has succeeded",
            Interceptor {
                before: |call, storage| {
                    if is_exchange(call) {
                        let _ = storage
                            .write(Area::Plain, INSTALLED, b"")
                            .and_then(|()| storage.write(Area::Secure, SESSION, PREMATURE_SESSION));
                    }
                },
                ..NO_CHANGE
            },
        ),
        net(
            "keeps-sign-in-token",
            "EXC-2",
            "Stores the sign-in token in secure storage",
            Interceptor {
                before: |call, storage| {
                    if is_exchange(call) {
                        let _ = storage.write(Area::Secure, "last-exchange", call.body.as_bytes());
                    }
                },
                ..NO_CHANGE
            },
        ),
        net(
            "token-in-url",
            "EXC-3",
            "Puts the access token into the URL",
            Interceptor {
                change: |call| {
                    if let Some((_, bearer)) = call.headers.iter().find(|(name, _)| *name == "authorization") {
                        call.path = format!("{}?access_token={}", call.path, bearer.trim_start_matches("Bearer "));
                    }
                },
                ..NO_CHANGE
            },
        ),
        net(
            "erases-before-refresh",
            "PER-3",
            "Erases the session before it refreshes",
            Interceptor {
                before: |call, storage| {
                    if is_refresh(call) {
                        let _ = storage.erase(Area::Secure, SESSION);
                    }
                },
                ..NO_CHANGE
            },
        ),
        net(
            "drops-key",
            "KEY-1",
            "Calls the API without the API key",
            Interceptor { change: |call| call.headers.retain(|(name, _)| *name != "x-vital-api-key"), ..NO_CHANGE },
        ),
        net(
            "garbled-migration-signs-out",
            "MIG-8",
            "Erases the API-key sign-in when the response to an exchange is malformed",
            Interceptor {
                after: |call, answer, storage| {
                    let good = |answer: &HttpResponse| String::from_utf8_lossy(&answer.body).contains("access_token");
                    if is_exchange(call) && answer.as_ref().is_ok_and(|answer| answer.status == 200 && !good(answer)) {
                        let _ = storage.erase(Area::Secure, SESSION);
                    }
                },
                ..NO_CHANGE
            },
        ),
        net(
            "lost-call-signs-out",
            "DEL-4",
            "Forgets the session for the next launch when the API cannot be reached",
            Interceptor {
                after: |call, answer, storage| {
                    if call.host == Host::Api && answer.is_err() {
                        let _ = storage.erase(Area::Secure, SESSION);
                    }
                },
                ..NO_CHANGE
            },
        ),
        net(
            "erases-key-first",
            "MIG-9",
            "Erases the API key before the exchange has succeeded",
            Interceptor {
                before: |call, storage| {
                    if is_exchange(call) {
                        let _ = storage.erase(Area::Secure, SESSION);
                    }
                },
                ..NO_CHANGE
            },
        ),
        sdk("memory-only", "PER-1", "Keeps the session in memory only", Arc::new(StorageFault::Memory)),
        sdk("saves-late", "PER-4", "Stores a rotated refresh token only later", Arc::new(StorageFault::Late)),
        sdk(
            "rotates-at-exit",
            "PER-3",
            "Stores a rotated refresh token only at an orderly exit",
            Arc::new(StorageFault::Late),
        ),
        sdk(
            "deletes-in-memory",
            "DEL-1",
            "Erases a deleted user's session in memory only",
            Arc::new(StorageFault::Keeping),
        ),
    ]
}
