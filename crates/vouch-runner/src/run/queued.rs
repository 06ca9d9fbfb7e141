//! Requests of the SDK that wait behind one that a fault holds.
//!
//! A client may have one connection to a host, or send one request at a time. Then a held request delays the next one, which
//! breaks no clause, and a case with two requests at once says nothing about such a build.

use super::step_result::{StepError, StepResult};
use super::world::World;
use vouch_sim::wire::{Exchange, ExchangeOutcome, Operation, Party};
use vouch_spec::protocol::ErrorKind;
use vouch_spec::step::Step;

/// The API requests of the SDK that wait for their answers, by their numbers in the transcript.
pub(super) struct HeldRequests(Vec<usize>);

impl HeldRequests {
    /// Those that wait now, while a started call goes on. The request of a killed process delays nothing.
    pub fn now(world: &World) -> Self {
        if world.calls_in_flight() == 0 {
            return Self(vec![]);
        }
        let held = |exchanges: &[Exchange]| {
            let waits =
                |exchange: &Exchange| is_api_request(exchange) && matches!(exchange.outcome, ExchangeOutcome::Pending);
            (0..).zip(exchanges).filter(|(_, exchange)| waits(exchange)).map(|(number, _)| number).collect()
        };
        Self(world.transcript.read(held))
    }

    /// The reason to skip the case, if a step waited behind one of them. `mark` is the number of exchanges before the step.
    pub fn not_applicable(
        &self,
        step: &Step,
        ended: &Result<StepResult, StepError>,
        mark: usize,
        world: &World,
    ) -> Option<StepError> {
        let waited = matches!(step, Step::Request(_)) && may_have_waited(ended, world) && self.delayed(mark, world);
        waited.then(|| {
            StepError::NotApplicable(
                "the SDK sends one API request at a time: this one waited for one without an answer".into(),
            )
        })
    }

    /// Whether one of them had to end before the next request of the SDK was sent.
    fn delayed(&self, mark: usize, world: &World) -> bool {
        world.transcript.read(|exchanges| {
            let next = (mark..).zip(exchanges.iter().skip(mark)).find(|(_, exchange)| is_api_request(exchange));
            self.0.iter().filter_map(|number| exchanges.get(*number)).any(|held| match (held.completed_at, &next) {
                (None, next) => next.is_none(),
                (Some(ended), Some((number, _))) => ended <= *number,
                (Some(_), None) => true,
            })
        })
    }
}

fn is_api_request(exchange: &Exchange) -> bool {
    exchange.link.from == Party::Sdk && exchange.operation == Operation::Api
}

/// Whether a request may end so because it waited. An SDK that refuses the call for a reason of its own did not.
fn may_have_waited(ended: &Result<StepResult, StepError>, world: &World) -> bool {
    match ended {
        Ok(StepResult::Refused { kind, .. }) => matches!(kind, ErrorKind::Network | ErrorKind::Cancelled),
        Ok(result) => matches!(result, StepResult::Http { .. }),
        Err(StepError::Adapter(_)) => world.device.missed_deadline(),
        Err(_) => false,
    }
}
