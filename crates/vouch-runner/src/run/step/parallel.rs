//! `together`: several steps at once.

use super::{Planned, Reading, Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::text::Node;

/// The steps to run at once.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Shape {
    /// Any steps.
    #[allow(dead_code, reason = "read as steps, below; here for the schema")]
    steps: Vec<serde_json::Value>,
    /// How many times each of them.
    #[serde(default = "once")]
    times: usize,
    /// How many of all must end with `ok`; left out, as each step's own `expect` has it.
    #[serde(default)]
    successes: Option<usize>,
}

fn once() -> usize {
    1
}

/// More than this at once is a load test.
const MOST: usize = 100;

pub struct Parallel {
    steps: Vec<Planned>,
    times: usize,
    successes: Option<usize>,
}

pub(super) const KIND: StepKind = StepKind {
    schema: Shape::json_schema,
    ..StepKind::new::<super::release::Release>("parallel", "Runs several steps at once.").reader(read)
};

fn read(node: &Node, reading: &Reading<'_>) -> Option<Arc<dyn Step>> {
    let shape: Shape = reading.decoder.decode(node)?;
    let list = node.get("steps").unwrap_or(node);
    let steps: Vec<_> = list.as_list()?.iter().map(|step| Planned::read(step, reading)).collect::<Option<_>>()?;
    if steps.is_empty() || shape.times == 0 || shape.times * steps.len() > MOST {
        reading.decoder.wrong(
            node.span,
            "between 1 and 100 steps can run together",
            "give some steps, and `times` if they are to be repeated",
        );
        return None;
    }
    Some(Arc::new(Parallel { steps, times: shape.times, successes: shape.successes }))
}

#[async_trait]
impl Step for Parallel {
    fn words(&self) -> String {
        let words: Vec<_> = self.steps.iter().map(Planned::words).collect();
        let times = if self.times > 1 { format!(" ({} times each)", self.times) } else { String::new() };
        format!("at once{times}: {}", words.join("; "))
    }

    fn inside(&self) -> &[Planned] {
        &self.steps
    }

    fn calls(&self) -> usize {
        self.steps.iter().map(Planned::calls).sum::<usize>() * self.times
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let all = self.steps.iter().flat_map(|step| std::iter::repeat_n(step, self.times));
        let results = join_all(all.map(|step| step.perform(world))).await;
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
            _ => Ok(StepResult::Done),
        }
    }
}
