//! SDKs that go wrong: by theme, those that decide wrongly; then those that stand before a port, and those with a memory.

mod beyond;
mod habits;
mod later;
mod memory;
mod migration;
mod nets;
mod ports;
mod session;
mod sessions;
mod sign_in;
mod status;
mod storage;

use crate::mutant::{Fault, Mutant};
use vouch_spec::protocol::{ErrorKind, StatusWord};
use crate::reference::adapter::{Assembly, Parts};
use crate::reference::sdk::SdkError;
use crate::reference::sdk::ports::{Answer, Net, NoAnswer, Vault, VaultError};
use crate::reference::sdk::rules::{Plan, Refreshed, Rules};
use std::sync::Arc;

/// An SDK whose rules are `R`, made anew at each launch.
struct With<R>(std::marker::PhantomData<fn() -> R>);

impl<R: Rules + Default + 'static> Assembly for With<R> {
    fn assemble(&self, vault: Arc<dyn Vault>, net: Arc<dyn Net>) -> Parts {
        Parts { rules: Arc::new(R::default()), vault, net }
    }
}

fn seat<R: Rules + Default + 'static>(_: Arc<R>) -> Fault {
    Fault::Sdk(Arc::new(With::<R>(std::marker::PhantomData)))
}

type Sent = std::result::Result<Answer, NoAnswer>;
type Stored<T> = std::result::Result<T, VaultError>;

fn refuse(kind: ErrorKind, text: &str) -> Plan {
    Plan::Refuse(SdkError::new(kind, text))
}

fn is_gone(refreshed: &Refreshed) -> bool {
    matches!(refreshed, Refreshed::UserGone)
}

fn without(status: Vec<StatusWord>, word: StatusWord) -> Vec<StatusWord> {
    status.into_iter().filter(|w| *w != word).collect()
}

/// Every mutant of the SDK.
pub(super) fn mutants() -> Vec<Mutant> {
    let themes = [
        sign_in::mutants(),
        migration::mutants(),
        session::mutants(),
        storage::mutants(),
        status::mutants(),
        ports::mutants(),
        memory::mutants(),
        nets::mutants(),
        sessions::mutants(),
        sessions::with_memory(),
        habits::mutants(),
        later::mutants(),
        beyond::mutants(),
    ];
    themes.into_iter().flatten().collect()
}
