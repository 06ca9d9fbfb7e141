//! SDKs that do things in the wrong order or the wrong place: each stands before the reference's vault or network.

use super::SentRequests;
use crate::mutant::{Mutant, Mutation};
use crate::reference::adapter::{SdkFactory, SdkParts};
use crate::reference::sdk::policy::{DefaultSdkPolicy, INSTALLED, SESSION};
use crate::reference::sdk::ports::{Host, HttpRequest, HttpResponse, Network, Storage, StorageError};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::Arc;
use vouch_spec::protocol::message::{Area, Item};

/// What a network does before a call, and after it.
type Before = fn(&HttpRequest, &dyn Storage);
type After = fn(&HttpRequest, &SentRequests, &dyn Storage);

/// A network that meddles with the vault before and after calls, or with the call itself.
struct Interception {
    net: Arc<dyn Network>,
    vault: Arc<dyn Storage>,
    before: Before,
    after: After,
    change: fn(&mut HttpRequest),
}

#[async_trait]
impl Network for Interception {
    async fn send(&self, mut call: HttpRequest) -> SentRequests {
        (self.before)(&call, &*self.vault);
        (self.change)(&mut call);
        let answer = self.net.send(call.clone()).await;
        (self.after)(&call, &answer, &*self.vault);
        answer
    }
}

#[derive(Clone, Copy)]
struct Interceptor {
    before: Before,
    after: After,
    change: fn(&mut HttpRequest),
}

const HONEST: Interceptor = Interceptor { before: |_, _| {}, after: |_, _, _| {}, change: |_| {} };

impl SdkFactory for Interceptor {
    fn assemble(&self, vault: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        let meddling =
            Interception { net, vault: vault.clone(), before: self.before, after: self.after, change: self.change };
        SdkParts { policy: Arc::new(DefaultSdkPolicy), vault, net: Arc::new(meddling) }
    }
}

pub(super) fn is_exchange(call: &HttpRequest) -> bool {
    call.host == Host::Auth && !is_refresh(call)
}

fn is_refresh(call: &HttpRequest) -> bool {
    call.body.contains("grant_type=refresh_token")
}

/// A session as it would be if the exchange were sure to work.
const HOPEFUL: &[u8] = br#"{"scheme":"signInToken","userId":"somebody","environment":"production","region":"us","accessToken":"-","refreshToken":"-","expiresAtMs":0,"onHold":false}"#;

/// Which vault an SDK has.
#[derive(Clone, Copy)]
enum Careless {
    /// Everything in memory.
    Memory,
    /// A session that replaces another waits for an orderly end.
    Late,
    /// Erasing does nothing.
    Keeping,
}

struct CarelessStorage {
    vault: Arc<dyn Storage>,
    how: Careless,
    memory: Mutex<Vec<(Area, String, Vec<u8>)>>,
}

impl CarelessStorage {
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

impl Storage for CarelessStorage {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        match self.recall(area, key) {
            Some(value) => Ok(Some(value)),
            None => self.vault.read(area, key),
        }
    }

    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), StorageError> {
        let late = || -> Result<bool, StorageError> { Ok(key == SESSION && self.vault.read(area, key)?.is_some()) };
        match self.how {
            Careless::Memory => self.remember(area, key, Some(value)),
            Careless::Late if late()? => self.remember(area, key, Some(value)),
            Careless::Late | Careless::Keeping => self.vault.write(area, key, value)?,
        }
        Ok(())
    }

    fn erase(&self, area: Area, key: &str) -> Result<(), StorageError> {
        self.remember(area, key, None);
        if matches!(self.how, Careless::Keeping) { Ok(()) } else { self.vault.erase(area, key) }
    }

    fn tidy(&self) -> Result<(), StorageError> {
        self.vault.tidy()
    }

    fn items(&self) -> Result<Vec<Item>, StorageError> {
        self.vault.items()
    }
}

/// An orderly end; after a kill nothing can be written any more.
impl Drop for CarelessStorage {
    fn drop(&mut self) {
        if let Careless::Late = self.how {
            let memory = self.memory.get_mut();
            for (area, key, value) in memory.drain(..) {
                let _ = self.vault.write(area, &key, &value);
            }
        }
    }
}

impl SdkFactory for Careless {
    fn assemble(&self, vault: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        let careless = CarelessStorage { vault, how: *self, memory: Mutex::default() };
        SdkParts { policy: Arc::new(DefaultSdkPolicy), vault: Arc::new(careless), net }
    }
}

pub(super) fn mutants() -> Vec<Mutant> {
    let sdk = |name, clause, about, assembly: Arc<dyn SdkFactory>| Mutant {
        name,
        clause,
        about,
        profile: None,
        role: Mutation::Sdk(assembly),
    };
    let net = |name, clause, about, meddler: Interceptor| sdk(name, clause, about, Arc::new(meddler));
    vec![
        net(
            "signed-in-too-soon",
            "EXC-5",
            "writes the session before the exchange has worked",
            Interceptor {
                before: |call, vault| {
                    if is_exchange(call) {
                        let _ = vault
                            .write(Area::Plain, INSTALLED, b"")
                            .and_then(|()| vault.write(Area::Secure, SESSION, HOPEFUL));
                    }
                },
                ..HONEST
            },
        ),
        net(
            "keeps-sign-in-token",
            "EXC-2",
            "keeps the sign-in token in secure storage",
            Interceptor {
                before: |call, vault| {
                    if is_exchange(call) {
                        let _ = vault.write(Area::Secure, "last-exchange", call.body.as_bytes());
                    }
                },
                ..HONEST
            },
        ),
        net(
            "token-in-url",
            "EXC-3",
            "puts the access token into the URL",
            Interceptor {
                change: |call| {
                    if let Some((_, bearer)) = call.headers.iter().find(|(name, _)| *name == "authorization") {
                        call.path = format!("{}?access_token={}", call.path, bearer.trim_start_matches("Bearer "));
                    }
                },
                ..HONEST
            },
        ),
        net(
            "erases-before-refresh",
            "PER-3",
            "forgets the session while it refreshes",
            Interceptor {
                before: |call, vault| {
                    if is_refresh(call) {
                        let _ = vault.erase(Area::Secure, SESSION);
                    }
                },
                ..HONEST
            },
        ),
        net(
            "drops-key",
            "KEY-1",
            "calls the API without the API key",
            Interceptor { change: |call| call.headers.retain(|(name, _)| *name != "x-vital-api-key"), ..HONEST },
        ),
        net(
            "garbled-migration-signs-out",
            "MIG-8",
            "forgets the API-key sign-in when the answer to an exchange makes no sense",
            Interceptor {
                after: |call, answer, vault| {
                    let good = |answer: &HttpResponse| String::from_utf8_lossy(&answer.body).contains("access_token");
                    if is_exchange(call) && answer.as_ref().is_ok_and(|answer| answer.status == 200 && !good(answer)) {
                        let _ = vault.erase(Area::Secure, SESSION);
                    }
                },
                ..HONEST
            },
        ),
        net(
            "lost-call-signs-out",
            "DEL-4",
            "forgets the session for the next launch when the API cannot be reached",
            Interceptor {
                after: |call, answer, vault| {
                    if call.host == Host::Api && answer.is_err() {
                        let _ = vault.erase(Area::Secure, SESSION);
                    }
                },
                ..HONEST
            },
        ),
        net(
            "erases-key-first",
            "MIG-9",
            "erases the API key before the exchange has worked",
            Interceptor {
                before: |call, vault| {
                    if is_exchange(call) {
                        let _ = vault.erase(Area::Secure, SESSION);
                    }
                },
                ..HONEST
            },
        ),
        sdk("memory-only", "PER-1", "keeps the session in memory only", Arc::new(Careless::Memory)),
        sdk("saves-late", "PER-4", "writes a rotated refresh token down later", Arc::new(Careless::Late)),
        sdk(
            "rotates-at-exit",
            "PER-3",
            "writes a rotated refresh token down when the app is closed in order",
            Arc::new(Careless::Late),
        ),
        sdk(
            "deletes-in-memory",
            "DEL-1",
            "forgets a deleted user's session in memory only",
            Arc::new(Careless::Keeping),
        ),
    ]
}
