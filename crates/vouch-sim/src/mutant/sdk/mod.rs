//! SDK mutants by theme: policies first, then mutants that wrap a port, then mutants with memory.

mod after_relaunch;
mod cancelled;
mod conditions;
mod failed_writes;
mod leaks;
pub(crate) mod locked;
mod migration;
pub(crate) mod network;
mod ordering;
mod refresh;
mod sign_in;
mod stale_state;
mod stateful;
mod status;
mod storage;
mod timers;
mod update;
mod user_isolation;
mod wake;

use crate::mutant::{Mutant, Mutation};
use crate::reference::adapter::{SdkFactory, SdkParts};
use crate::reference::sdk::SdkError;
use crate::reference::sdk::policy::{RefreshOutcome, SdkPolicy, SignInPlan};
use crate::reference::sdk::ports::{HttpResponse, Network, NetworkError, Storage, StorageError};
use crate::reference::sdk::record::Record;
use std::sync::Arc;
use vouch_spec::protocol::{ErrorKind, StatusWord};

/// An SDK whose policy are `R`, made anew at each launch.
struct With<R>(std::marker::PhantomData<fn() -> R>);

impl<R: SdkPolicy + Default + 'static> SdkFactory for With<R> {
    fn assemble(&self, storage: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        SdkParts { policy: Arc::new(R::default()), storage, net }
    }
}

pub(crate) fn sdk_policy<R: SdkPolicy + Default + 'static>(_: Arc<R>) -> Mutation {
    Mutation::Sdk(Arc::new(With::<R>(std::marker::PhantomData)))
}

/// The reference as the only process on its storage: what a mutant does to the storage behind its back is not taken over.
struct AloneOnStorage;

impl SdkPolicy for AloneOnStorage {
    fn follows_other_processes(&self, _: Option<&Record>, _: Option<&Record>) -> bool {
        false
    }
}

type NetworkResult = std::result::Result<HttpResponse, NetworkError>;
type StorageResult<T> = std::result::Result<T, StorageError>;

fn refuse(kind: ErrorKind, text: &str) -> SignInPlan {
    SignInPlan::Refuse(SdkError::new(kind, text))
}

fn is_gone(outcome: &RefreshOutcome) -> bool {
    matches!(outcome, RefreshOutcome::UserGone)
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
        locked::mutants(),
        after_relaunch::mutants(),
        stale_state::mutants(),
        timers::mutants(),
        update::mutants(),
        wake::mutants(),
        cancelled::mutants(),
        failed_writes::mutants(),
        conditions::mutants(),
        conditions::of_locale(),
    ];
    themes.into_iter().flatten().collect()
}
