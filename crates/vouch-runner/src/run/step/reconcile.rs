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
        let mark = world.transcript.len();
        world.app.take_action_counts();
        let answer = world.app.reconcile().await?;
        let (sign_ins, sign_outs) = world.app.take_action_counts();
        if in_step {
            idle(world, mark, sign_ins + sign_outs)?;
        }
        check("signIn", self.sign_ins, sign_ins)?;
        check("signOut", self.sign_outs, sign_outs)?;
        Ok(answer)
    }
}

/// Where nothing is out of step nothing is right to do, whatever the scenario is about (REC-1).
fn idle(world: &World, mark: usize, deeds: usize) -> Result<(), StepError> {
    let asked = world.transcript.since(mark).iter().filter(|e| e.operation == Operation::TokenRequest).count();
    if asked + deeds == 0 {
        return Ok(());
    }
    Err(StepError::Unmet {
        expected: "nothing done where app and SDK have the same user (REC-1)".into(),
        got: format!("{asked} token requests, {deeds} sign-ins and sign-outs"),
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
