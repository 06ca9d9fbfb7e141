//! Executes `parallel`.

use super::{Execute, perform};
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use futures_util::future::join_all;
use std::sync::Arc;
use vouch_spec::step::Parallel;

#[async_trait]
impl Execute for Parallel {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let all = self.steps.iter().flat_map(|step| std::iter::repeat_n(step, self.times));
        let results = join_all(all.map(|step| perform(step, world))).await;
        let mut won = 0;
        for result in results {
            match result {
                Ok(answer) => won += usize::from(answer.is_good()),
                Err(failure) => return Err(StepError::Inside(failure)),
            }
        }
        match self.successes {
            Some(successes) if successes != won => {
                Err(StepError::Unmet { expected: format!("{successes} of them to end with ok"), got: won.to_string() })
            }
            _ => match self.at_most {
                Some(most) if won > most => Err(StepError::Unmet {
                    expected: format!("at most {most} of them to end with ok"),
                    got: won.to_string(),
                }),
                _ => Ok(StepResult::Done),
            },
        }
    }
}
