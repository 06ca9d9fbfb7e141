//! `reconcile`: the app compares its user with the SDK's and mends what is out of step.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_sim::wire::Operation;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reconcile {
    /// How many times the app calls `signIn`.
    #[serde(default)]
    sign_ins: Option<usize>,
    /// How many times the app calls `signOut`.
    #[serde(default)]
    sign_outs: Option<usize>,
}

pub(super) const KIND: StepKind =
    StepKind::new::<Reconcile>("reconcile", "The app reconciles its user with the SDK's.").answers();

#[async_trait]
impl Step for Reconcile {
    fn words(&self) -> String {
        "the app reconciles".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let in_step = world.app.is_in_step(world).await?;
        let mark = world.transcript.len();
        world.app.count();
        let answer = world.app.reconcile(world).await?;
        let (sign_ins, sign_outs) = world.app.count();
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
