//! Executes the steps of a scenario. One file a step, named as the step's own file in `vouch_spec::step`.

mod advance;
mod app_user;
mod attempts;
mod await_call;
mod bypass_login;
mod cancel;
mod check_token;
mod clear_faults;
mod client_call;
mod client_malformed;
mod client_tokens;
mod clock_skew;
mod configure;
mod corrupt_storage;
mod crash;
mod current_user;
mod delete_user;
mod downgrade;
mod either;
mod expire;
mod fail_sdk_call;
mod fail_writes;
mod fault;
mod forge_token;
mod identify;
mod impersonate;
mod issue_token;
mod kill;
mod launch;
mod lock_storage;
mod network;
mod parallel;
mod pause;
mod perform;
mod present_token;
mod reboot;
mod reconcile;
mod refresh;
mod refuse_access_tokens;
mod reinstall;
mod relaunch;
mod release;
mod request;
mod restore;
mod revoke;
mod second_process;
mod set_user_id;
mod sign_in;
mod sign_out;
mod signed_in;
mod signed_in_with_api_key;
mod start;
mod status;
mod status_changes;
mod storage;
mod token_request;
mod undo_delete;
mod unreachable;
mod update;
mod vendor_users;
mod wait;
mod wake;

pub(super) use check_token::owner_of;
pub use client_tokens::granted as token_grant;
pub(super) use perform::perform;

use super::step_result::{StepError, StepResult};
use super::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::for_each_step;
use vouch_spec::step::*;

/// Executes one kind of step.
#[async_trait]
trait Execute: Send + Sync {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError>;

    /// From which exchange on `sent` counts, where that is not the start of this step.
    fn counts_from(&self, _: &World) -> Option<usize> {
        None
    }
}

macro_rules! define_executor {
    ($($name:ident $($reads:ident)?,)*) => {
        fn executor(step: &Step) -> &dyn Execute {
            match step { $(Step::$name(fields) => &**fields,)* }
        }
    };
}

for_each_step!(define_executor);

/// Executes a step, without checking what came of it.
pub(super) async fn execute(step: &Step, world: &Arc<World>) -> Result<StepResult, StepError> {
    executor(step).execute(world).await
}
