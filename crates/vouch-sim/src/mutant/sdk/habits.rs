//! SDKs with bad habits on the wire and in storage: each stands before the reference's network or vault.

use crate::mutant::{Fault, Mutant};
use vouch_spec::protocol::message::{Area, Item};
use crate::reference::adapter::{Assembly, Parts};
use crate::reference::sdk::ports::{Answer, Call, Host, Net, NoAnswer, Vault, VaultError};
use crate::reference::sdk::rules::{Faithful, SESSION};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Which calls a habit is about.
type Which = fn(&Call) -> bool;

fn is_api(call: &Call) -> bool {
    call.host == Host::Api
}

fn is_refresh(call: &Call) -> bool {
    call.host == Host::Auth && call.body.contains("grant_type=refresh_token")
}

fn is_exchange(call: &Call) -> bool {
    call.host == Host::Auth && !is_refresh(call)
}

/// What is wrong with a network.
#[derive(Clone, Copy)]
enum Habit {
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
struct BadNet(Habit, Which);

struct Habitual {
    net: Arc<dyn Net>,
    vault: Arc<dyn Vault>,
    bad: BadNet,
}

#[async_trait]
impl Net for Habitual {
    async fn send(&self, call: Call) -> Result<Answer, NoAnswer> {
        let mut answer = self.net.send(call.clone()).await;
        if !(self.bad.1)(&call) {
            return answer;
        }
        match self.bad.0 {
            Habit::WaitsForEver if matches!(answer, Err(NoAnswer::TooLate)) => std::future::pending().await,
            Habit::TriesAgain if matches!(&answer, Ok(busy) if busy.status == 429) => self.net.send(call).await,
            Habit::LosesBodies => {
                if let Ok(answer) = &mut answer {
                    answer.body.clear();
                }
                answer
            }
            Habit::ErasesWhenRefused if matches!(&answer, Ok(refused) if refused.status == 401) => {
                let _ = self.vault.erase(Area::Secure, SESSION);
                answer
            }
            Habit::WaitsForEver | Habit::TriesAgain | Habit::ErasesWhenRefused => answer,
        }
    }
}

impl Assembly for BadNet {
    fn assemble(&self, vault: Arc<dyn Vault>, net: Arc<dyn Net>) -> Parts {
        let habitual = Habitual { net, vault: vault.clone(), bad: *self };
        Parts { rules: Arc::new(Faithful), vault, net: Arc::new(habitual) }
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

struct HastyVault {
    vault: Arc<dyn Vault>,
    how: WhileLocked,
    memory: Mutex<HashMap<String, Vec<u8>>>,
}

impl HastyVault {
    fn remember(&self, key: &str, value: &[u8]) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), value.to_vec());
    }
}

impl Vault for HastyVault {
    fn read(&self, area: Area, key: &str) -> Result<Option<Vec<u8>>, VaultError> {
        match (self.vault.read(area, key), self.how) {
            (Err(VaultError::Locked), WhileLocked::Writes) => {
                let known = self.memory.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
                known.map(Some).ok_or(VaultError::Locked)
            }
            (read, _) => read,
        }
    }

    fn write(&self, area: Area, key: &str, value: &[u8]) -> Result<(), VaultError> {
        let written = self.vault.write(area, key, value);
        match (written, self.how) {
            (Ok(()), _) => {
                self.remember(key, value);
                Ok(())
            }
            (Err(VaultError::Locked), WhileLocked::Writes) => {
                self.remember(key, value);
                Ok(())
            }
            (Err(error), _) => Err(error),
        }
    }

    fn erase(&self, area: Area, key: &str) -> Result<(), VaultError> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        match (self.vault.erase(area, key), self.how) {
            (Err(VaultError::Locked), WhileLocked::Erases) => Ok(()),
            (erased, _) => erased,
        }
    }

    fn tidy(&self) -> Result<(), VaultError> {
        self.vault.tidy()
    }

    fn items(&self) -> Result<Vec<Item>, VaultError> {
        self.vault.items()
    }
}

impl Assembly for WhileLocked {
    fn assemble(&self, vault: Arc<dyn Vault>, net: Arc<dyn Net>) -> Parts {
        let hasty = HastyVault { vault, how: *self, memory: Mutex::default() };
        Parts { rules: Arc::new(Faithful), vault: Arc::new(hasty), net }
    }
}

pub(super) fn mutants() -> Vec<Mutant> {
    let sdk = |name, clause, about, assembly: Arc<dyn Assembly>| Mutant {
        name,
        clause,
        about,
        seat: Fault::Sdk(assembly),
        profile: None,
    };
    let net = |name, clause, about, habit, which: Which| sdk(name, clause, about, Arc::new(BadNet(habit, which)));
    vec![
        net(
            "exchange-without-time-out",
            "EXC-4",
            "waits for ever for the answer to an exchange",
            Habit::WaitsForEver,
            is_exchange,
        ),
        net(
            "refresh-without-time-out",
            "REF-6",
            "waits for ever for the answer to a refresh",
            Habit::WaitsForEver,
            is_refresh,
        ),
        net("api-without-time-out", "DEL-4", "waits for ever for the API's answer", Habit::WaitsForEver, is_api),
        net("hammers-the-api", "REF-9", "tries an API call again at once after a 429", Habit::TriesAgain, is_api),
        net(
            "hammers-the-exchange",
            "REF-9",
            "tries an exchange again at once after a 429",
            Habit::TriesAgain,
            is_exchange,
        ),
        net("loses-bodies", "SCO-1", "hands the app no body of the API's answers", Habit::LosesBodies, is_api),
        net(
            "refused-key-signs-out",
            "DEL-4",
            "erases the API-key sign-in when the API answers 401",
            Habit::ErasesWhenRefused,
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
