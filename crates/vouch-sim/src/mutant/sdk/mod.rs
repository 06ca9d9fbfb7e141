//! SDKs that go wrong: by theme, those that decide wrongly; then those that stand before a port, and those with a memory.

mod after_relaunch;
mod leaks;
mod migration;
mod network;
mod ordering;
mod refresh;
mod sign_in;
mod stale_state;
mod stateful;
mod status;
mod storage;
mod user_isolation;

use crate::mutant::{Mutant, Mutation};
use crate::reference::adapter::{SdkFactory, SdkParts};
use crate::reference::sdk::SdkError;
use crate::reference::sdk::policy::{Plan, Refreshed, SdkPolicy};
use crate::reference::sdk::ports::{HttpResponse, Network, NoResponse, Storage, StorageError};
use std::sync::Arc;
use vouch_spec::protocol::{ErrorKind, StatusWord};

/// An SDK whose policy are `R`, made anew at each launch.
struct With<R>(std::marker::PhantomData<fn() -> R>);

impl<R: SdkPolicy + Default + 'static> SdkFactory for With<R> {
    fn assemble(&self, vault: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        SdkParts { policy: Arc::new(R::default()), vault, net }
    }
}

fn role<R: SdkPolicy + Default + 'static>(_: Arc<R>) -> Mutation {
    Mutation::Sdk(Arc::new(With::<R>(std::marker::PhantomData)))
}

type SentRequests = std::result::Result<HttpResponse, NoResponse>;
type Stored<T> = std::result::Result<T, StorageError>;

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
        refresh::mutants(),
        storage::mutants(),
        status::mutants(),
        ordering::mutants(),
        stateful::mutants(),
        network::mutants(),
        user_isolation::mutants(),
        user_isolation::with_memory(),
        leaks::mutants(),
        after_relaunch::mutants(),
        stale_state::mutants(),
    ];
    themes.into_iter().flatten().collect()
}
