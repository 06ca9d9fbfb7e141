//! A walk that is planned completely before it is executed, for black-box SDKs.
//!
//! The results of its actions are not known during planning. Therefore a plan keeps every state that the model allows, uses only
//! actions that are possible in all of them, and checks only what holds in all of them.

use super::action::{Action, Person};
use super::in_process::Conditions;
use super::scenario::Stage;
use super::state::State;
use super::walk::{Coverage, by_kind, conditions, home};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use vouch_spec::protocol::Realm;

/// A planned walk.
#[derive(Clone, Debug)]
pub struct PlannedWalk {
    pub home: Realm,
    pub conditions: Conditions,
    pub stages: Vec<Stage>,
}

impl PlannedWalk {
    /// A random walk of `length` actions. `fit` removes conditions that are not available.
    pub fn random(seed: u64, length: usize, actions: &[Action], fit: impl Fn(Conditions) -> Conditions) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let home = home(&mut random);
        let mut planned = Self { home, conditions: fit(conditions(&mut random)), stages: Vec::new() };
        for _ in 0..length {
            let now = planned.now();
            let kinds = by_kind(actions.iter().copied().filter(|action| stage(&now, *action).is_some()));
            let drawn = kinds.choose(&mut random).and_then(|kind| kind.choose(&mut random));
            let Some(stage) = drawn.and_then(|action| stage(&now, *action)) else { break };
            planned.stages.push(stage);
        }
        planned
    }

    /// The same walk with other actions, without those that are not possible.
    #[must_use]
    pub fn along(&self, actions: &[Action]) -> Self {
        let mut planned = Self { stages: Vec::new(), ..self.clone() };
        for action in actions {
            let next = stage(&planned.now(), *action);
            planned.stages.extend(next);
        }
        planned
    }

    pub fn actions(&self) -> Vec<Action> {
        self.stages.iter().map(|stage| stage.action).collect()
    }

    /// The possible states at its end.
    fn now(&self) -> Vec<State> {
        self.stages.last().map_or_else(|| vec![State::START], |stage| stage.after.clone())
    }

    /// Adds the coverage of the first `stages` stages. States and transitions count only where a single state is possible.
    pub fn cover(&self, stages: usize, coverage: &mut Coverage) {
        for stage in self.stages.iter().take(stages) {
            if let [state] = stage.before.as_slice() {
                coverage.states.insert(*state);
                coverage.transitions.insert((*state, stage.action));
            }
            coverage.actions.insert(stage.action);
        }
    }
}

/// The stage of an action that starts in any of these states. `None` if the action is not possible in all of them, or if it
/// depends on the signed-in user and the states have different users.
pub fn stage(before: &[State], action: Action) -> Option<Stage> {
    let mut after: Vec<State> = Vec::new();
    for state in before {
        let branches = state.branches(action);
        if branches.is_empty() {
            return None;
        }
        for branch in branches {
            if !after.contains(&branch.next) {
                after.push(branch.next);
            }
        }
    }
    let users: Vec<Person> = before.iter().filter_map(State::user).collect();
    let alike = users.windows(2).all(|pair| pair[0] == pair[1]);
    (alike || !is_about_the_user(action)).then(|| Stage { action, before: before.to_vec(), after, idle: false })
}

/// Whether an action depends on the signed-in user.
fn is_about_the_user(action: Action) -> bool {
    matches!(
        action,
        Action::Call
            | Action::CallSummary
            | Action::CallOther
            | Action::CallWithFault(..)
            | Action::ParallelCalls
            | Action::SignOutDuringCalls
            | Action::ParallelCallsRefused
            | Action::LateRefusal
            | Action::DeletedWhileWaiting
            | Action::CallTwice
            | Action::NextUser(..)
            | Action::LockedCall
            | Action::SecondProcessCall
            | Action::CrashInCall(_)
            | Action::Revoke
            | Action::RefuseAccessTokens
    )
}

#[cfg(test)]
mod tests {
    use super::super::action_list::all_actions;
    use super::super::state::Installed;
    use super::*;

    #[test]
    fn a_draft_is_the_same_for_the_same_seed_and_never_stuck() {
        for seed in 0..200 {
            let planned = PlannedWalk::random(seed, 30, &all_actions(), |conditions| conditions);
            assert_eq!(planned.stages.len(), 30);
            assert_eq!(
                planned.actions(),
                PlannedWalk::random(seed, 30, &all_actions(), |conditions| conditions).actions()
            );
            assert_eq!(planned.along(&planned.actions()).stages, planned.stages);
        }
    }

    #[test]
    fn what_is_not_certain_is_not_counted_on() {
        let crashed = stage(&[State::START], Action::CrashInSignIn(Person::Ada, 1)).expect("possible");
        assert_eq!(crashed.after.len(), 2);
        assert!(stage(&crashed.after, Action::Revoke).is_none(), "nobody may be there to revoke");
        let out = stage(&crashed.after, Action::SignOut).expect("always possible");
        assert!(matches!(out.after.as_slice(), [State { installed: Installed::Nobody, .. }]), "{:?}", out.after);
    }
}
