//! SDKs with bad habits on the wire and in storage: each stands before the reference's network or vault.

use crate::mutant::{Mutant, Mutation};
use crate::reference::adapter::{SdkFactory, SdkParts};
use crate::reference::sdk::policy::{DefaultSdkPolicy, SESSION};
use crate::reference::sdk::ports::{Host, HttpRequest, HttpResponse, Network, NoResponse, Storage, StorageError};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use vouch_spec::protocol::message::{Area, Item};

/// Which calls a habit is about.
type Which = fn(&HttpRequest) -> bool;

fn is_api(call: &HttpRequest) -> bool {
    call.host == Host::Api
}

fn is_refresh(call: &HttpRequest) -> bool {
    call.host == Host::Auth && call.body.contains("grant_type=refresh_token")
}

fn is_exchange(call: &HttpRequest) -> bool {
    call.host == Host::Auth && !is_refresh(call)
}

/// What is wrong with a network.
#[derive(Clone, Copy)]
enum Leak {
    /// Has no time-out.
    WaitsForEver,
    /// Tries again at once after a 429.
    TriesAgain,
    /// Loses the bodies of answers.
    LosesBodies,
    /// Erases the session when a call is refused.
    ErasesWhenRefused,
}

#[derive(Clone, Copy)]
struct BadNet(Leak, Which);

struct Leaking {
    net: Arc<dyn Network>,
    vault: Arc<dyn Storage>,
    bad: BadNet,
}

#[async_trait]
impl Network for Leaking {
    async fn send(&self, call: HttpRequest) -> Result<HttpResponse, NoResponse> {
        let mut answer = self.net.send(call.clone()).await;
        if !(self.bad.1)(&call) {
            return answer;
        }
        match self.bad.0 {
            Leak::WaitsForEver if matches!(answer, Err(NoResponse::TooLate)) => std::future::pending().await,
            Leak::TriesAgain if matches!(&answer, Ok(busy) if busy.status == 429) => self.net.send(call).await,
            Leak::LosesBodies => {
                if let Ok(answer) = &mut answer {
                    answer.body.clear();
                }
                answer
            }
            Leak::ErasesWhenRefused if matches!(&answer, Ok(refused) if refused.status == 401) => {
                let _ = self.vault.erase(Area::Secure, SESSION);
                answer
            }
            Leak::WaitsForEver | Leak::TriesAgain | Leak::ErasesWhenRefused => answer,
        }
    }
}

impl SdkFactory for BadNet {
    fn assemble(&self, vault: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        let habitual = Leaking { net, vault: vault.clone(), bad: *self };
        SdkParts { policy: Arc::new(DefaultSdkPolicy), vault, net: Arc::new(habitual) }
    }
}

/// What is wrong with a vault while it is locked.
#[derive(Clone, Copy)]
enum WhileLocked {
    /// Takes what was to be written into memory, and leaves it there.
    Writes,
    /// Takes what was to be erased for erased.
    Erases,
}

struct HastyStorage {
    vault: Arc<dyn Storage>,
    how: WhileLocked,
    memory: Mutex<HashMap<String, Vec<u8>>>,
}

impl HastyStorage {
    fn remember(&self, key: &str, value: &[u8]) {
        self.memory.lock().insert(key.to_owned(), value.to_vec());
    }
}

impl Storage for HastyStorage {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        match (self.vault.read(area, key), self.how) {
            (Err(StorageError::Locked), WhileLocked::Writes) => {
                let known = self.memory.lock().get(key).cloned();
                known.map(Some).ok_or(StorageError::Locked)
            }
            (read, _) => read,
        }
    }

    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), StorageError> {
        let written = self.vault.write(area, key, value);
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
        match (self.vault.erase(area, key), self.how) {
            (Err(StorageError::Locked), WhileLocked::Erases) => Ok(()),
            (erased, _) => erased,
        }
    }

    fn tidy(&self) -> Result<(), StorageError> {
        self.vault.tidy()
    }

    fn items(&self) -> Result<Vec<Item>, StorageError> {
        self.vault.items()
    }
}

impl SdkFactory for WhileLocked {
    fn assemble(&self, vault: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        let hasty = HastyStorage { vault, how: *self, memory: Mutex::default() };
        SdkParts { policy: Arc::new(DefaultSdkPolicy), vault: Arc::new(hasty), net }
    }
}

pub(super) fn mutants() -> Vec<Mutant> {
    let sdk = |name, clause, about, assembly: Arc<dyn SdkFactory>| Mutant {
        name,
        clause,
        about,
        role: Mutation::Sdk(assembly),
        profile: None,
    };
    let net = |name, clause, about, habit, which: Which| sdk(name, clause, about, Arc::new(BadNet(habit, which)));
    vec![
        net(
            "exchange-without-time-out",
            "EXC-4",
            "waits for ever for the answer to an exchange",
            Leak::WaitsForEver,
            is_exchange,
        ),
        net(
            "refresh-without-time-out",
            "REF-6",
            "waits for ever for the answer to a refresh",
            Leak::WaitsForEver,
            is_refresh,
        ),
        net("api-without-time-out", "DEL-4", "waits for ever for the API's answer", Leak::WaitsForEver, is_api),
        net("hammers-the-api", "REF-9", "tries an API call again at once after a 429", Leak::TriesAgain, is_api),
        net(
            "hammers-the-exchange",
            "REF-9",
            "tries an exchange again at once after a 429",
            Leak::TriesAgain,
            is_exchange,
        ),
        net("loses-bodies", "SCO-1", "hands the app no body of the API's answers", Leak::LosesBodies, is_api),
        net(
            "refused-key-signs-out",
            "DEL-4",
            "erases the API-key sign-in when the API answers 401",
            Leak::ErasesWhenRefused,
            |call| call.headers.iter().any(|(name, _)| *name == "x-vital-api-key"),
        ),
        sdk(
            "forgets-while-locked",
            "PER-4",
            "does not write down what it got while storage was locked",
            Arc::new(WhileLocked::Writes),
        ),
        sdk(
            "erases-while-locked",
            "OUT-1",
            "says signed out although storage was locked, and erases nothing",
            Arc::new(WhileLocked::Erases),
        ),
    ]
}
