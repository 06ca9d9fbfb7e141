//! The steps. One file a kind, with its fields, its doing and its words together; [`KINDS`] lists them all.

pub mod advance;
pub mod app_user;
mod await_call;
pub mod cancel;
pub mod check_token;
pub mod clear_faults;
pub mod client_call;
pub mod client_malformed;
pub mod client_tokens;
pub mod clock_skew;
pub mod configure;
mod corrupt_storage;
pub mod crash;
pub mod current_user;
pub mod delete_user;
pub mod expire;
mod fault;
pub mod forge_token;
mod identify;
pub mod issue_token;
mod kill;
mod kind;
mod launch;
mod lock_storage;
mod network;
mod parallel;
mod pause;
mod planned;
mod present_token;
mod reboot;
mod reconcile;
mod refresh;
mod refuse_access_tokens;
mod reinstall;
mod relaunch;
mod release;
pub mod request;
mod revoke;
pub mod set_user_id;
pub mod sign_in;
mod sign_out;
pub mod signed_in;
pub mod signed_in_with_api_key;
pub mod start;
mod status;
mod status_changes;
mod storage;
pub mod token_request;
mod undo_delete;
mod unreachable;
mod vendor_users;
mod wait;

pub use super::step_result::{StepError, StepFailure, StepResult};
pub use kind::StepKind;
pub use planned::Planned;

use super::expiries::Expiries;
use super::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::protocol::{Control, Realm};
use vouch_spec::text::{Decoder, Spanned};

/// Every step there is, in the order of the guide.
pub static KINDS: &[StepKind] = &[
    signed_in::KIND,
    signed_in_with_api_key::KIND,
    issue_token::KIND,
    token_request::KIND,
    vendor_users::KIND,
    forge_token::KIND,
    check_token::KIND,
    sign_in::KIND,
    sign_out::KIND,
    status::KIND,
    status_changes::KIND,
    current_user::KIND,
    request::KIND,
    refresh::KIND,
    configure::KIND,
    set_user_id::KIND,
    identify::KIND,
    app_user::KIND,
    reconcile::KIND,
    storage::KIND,
    relaunch::KIND,
    kill::KIND,
    launch::KIND,
    reboot::KIND,
    reinstall::KIND,
    corrupt_storage::KIND,
    lock_storage::LOCK,
    lock_storage::UNLOCK,
    network::KIND,
    unreachable::KIND,
    fault::KIND,
    clear_faults::KIND,
    release::KIND,
    clock_skew::KIND,
    advance::KIND,
    expire::KIND,
    delete_user::KIND,
    undo_delete::KIND,
    revoke::KIND,
    refuse_access_tokens::KIND,
    present_token::KIND,
    client_tokens::EXCHANGE,
    client_tokens::REFRESH,
    client_call::KIND,
    client_malformed::KIND,
    crash::KIND,
    parallel::KIND,
    start::KIND,
    cancel::KIND,
    await_call::KIND,
    pause::KIND,
    wait::KIND,
];

/// What a step does to the world.
#[async_trait]
pub trait Step: Send + Sync {
    /// The step in the guide's words, for reports. Variables stand as the scenario wrote them.
    fn words(&self) -> String;

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError>;

    /// The expiries that this step itself waits for.
    fn expiries(&self) -> Expiries {
        Expiries::default()
    }

    /// What a cloud must be able to do for this very step, beyond its kind's demands.
    fn demands(&self) -> &'static [Control] {
        &[]
    }

    /// The realm that it is about; `home` is the scenario's own.
    fn realm(&self, home: Realm) -> Realm {
        home
    }

    /// How many calls into the build it makes at the most.
    fn calls(&self) -> usize {
        self.inside().iter().map(Planned::calls).sum::<usize>().max(1)
    }

    /// Whether the SDK's process must run under a trap for writes to storage.
    fn traps(&self) -> bool {
        self.inside().iter().any(Planned::traps)
    }

    /// The steps inside this one.
    fn inside(&self) -> &[Planned] {
        &[]
    }

    /// From which exchange on `sent` counts, where that is not the start of this step.
    fn counts_from(&self, _: &World) -> Option<usize> {
        None
    }
}

/// What reading a step needs to know.
pub struct Reading<'a> {
    pub decoder: &'a Decoder,
    /// The clauses that the scenario proves.
    pub proves: &'a [Spanned<String>],
    /// The names under `given`.
    pub people: &'a [String],
}
