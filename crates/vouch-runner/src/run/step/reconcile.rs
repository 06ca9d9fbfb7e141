//! Executes `reconcile`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_sim::wire::Operation;
use vouch_spec::step::Reconcile;

#[async_trait]
impl Execute for Reconcile {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let in_step = world.app.agrees_with_sdk().await?;
        let (mark, before) = (world.transcript.len(), world.app.action_counts());
        let window = world.app.window();
        let answer = world.app.reconcile().await?;
        let after = world.app.action_counts();
        check("signIn", self.sign_ins, after.0 - window.actions.0)?;
        check("signOut", self.sign_outs, after.1 - window.actions.1)?;
        if in_step {
            idle(world, mark, (after.0 - before.0) + (after.1 - before.1))?;
        }
        Ok(answer)
    }

    fn counts_from(&self, world: &World) -> Option<usize> {
        Some(world.app.window().mark)
    }
}

/// If app and SDK agree, nothing is to be done, whatever the scenario is about (REC-1).
fn idle(world: &World, mark: usize, actions: usize) -> Result<(), StepError> {
    let asked = world.transcript.since(mark).iter().filter(|e| e.operation == Operation::TokenRequest).count();
    if asked + actions == 0 {
        return Ok(());
    }
    Err(StepError::Violates {
        clause: "REC-1",
        expected: "nothing done where app and SDK have the same user".into(),
        got: format!("{asked} token requests, {actions} sign-ins and sign-outs"),
    })
}

fn check(call: &str, wanted: Option<usize>, got: usize) -> Result<(), StepError> {
    match wanted {
        Some(wanted) if wanted != got => Err(StepError::Unmet {
            expected: format!("the app to call `{call}` {wanted} times"),
            got: format!("{got} times"),
        }),
        _ => Ok(()),
    }
}
