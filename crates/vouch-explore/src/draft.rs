//! A walk that is drawn up before it is walked: for SDKs that are played to, not looked into.
//!
//! What an act came to is not known then. So a draft keeps every state that the model allows, takes only acts that can
//! happen in all of them, and asks only what holds in all.

use super::act::{Act, Person};
use super::direct::Habits;
use super::scenario::Stage;
use super::state::State;
use super::walk::{Coverage, by_kind, habits, home};
use vouch_spec::protocol::Realm;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// A walk to be.
#[derive(Clone, Debug)]
pub struct Draft {
    pub home: Realm,
    pub habits: Habits,
    pub stages: Vec<Stage>,
}

impl Draft {
    /// A random one of `length` acts. `fit` takes out habits that cannot be had.
    pub fn random(seed: u64, length: usize, acts: &[Act], fit: impl Fn(Habits) -> Habits) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let home = home(&mut random);
        let mut draft = Self { home, habits: fit(habits(&mut random)), stages: Vec::new() };
        for _ in 0..length {
            let now = draft.now();
            let kinds = by_kind(acts.iter().copied().filter(|act| stage(&now, *act).is_some()));
            let drawn = kinds.choose(&mut random).and_then(|kind| kind.choose(&mut random));
            let Some(stage) = drawn.and_then(|act| stage(&now, *act)) else { break };
            draft.stages.push(stage);
        }
        draft
    }

    /// The same with other acts; those that cannot happen are left out.
    pub fn along(&self, acts: &[Act]) -> Self {
        let mut draft = Self { stages: Vec::new(), ..self.clone() };
        for act in acts {
            let next = stage(&draft.now(), *act);
            draft.stages.extend(next);
        }
        draft
    }

    pub fn acts(&self) -> Vec<Act> {
        self.stages.iter().map(|stage| stage.act).collect()
    }

    /// The states that may be at its end.
    fn now(&self) -> Vec<State> {
        self.stages.last().map_or_else(|| vec![State::START], |stage| stage.after.clone())
    }

    /// What the first so many stages visit. Only where the state is certain is it counted.
    pub fn cover(&self, stages: usize, coverage: &mut Coverage) {
        for stage in self.stages.iter().take(stages) {
            if let [state] = stage.before.as_slice() {
                coverage.states.insert(*state);
                coverage.transitions.insert((*state, stage.act));
            }
            coverage.acts.insert(stage.act);
        }
    }
}

/// An act in any of these states, if it can happen in all of them and is the same in all.
pub fn stage(before: &[State], act: Act) -> Option<Stage> {
    let mut after: Vec<State> = Vec::new();
    for state in before {
        let branches = state.follow(act);
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
    (alike || !is_about_the_user(act)).then(|| Stage { act, before: before.to_vec(), after, idle: false })
}

/// Whether an act concerns whoever is signed in.
fn is_about_the_user(act: Act) -> bool {
    matches!(
        act,
        Act::Call
            | Act::CallSummary
            | Act::CallOther
            | Act::CallStruck(..)
            | Act::Crowd
            | Act::CrowdSignOut
            | Act::CrowdRefused
            | Act::LateRefusal
            | Act::WaitDeleted
            | Act::CallTwice
            | Act::NextUser(..)
            | Act::LockedCall
            | Act::CrashInCall(_)
            | Act::Revoke
            | Act::RefuseAccessTokens
    )
}

#[cfg(test)]
mod tests {
    use super::super::acts::all_acts;
    use super::super::state::Installed;
    use super::*;

    #[test]
    fn a_draft_is_the_same_for_the_same_seed_and_never_stuck() {
        for seed in 0..200 {
            let draft = Draft::random(seed, 30, &all_acts(), |habits| habits);
            assert_eq!(draft.stages.len(), 30);
            assert_eq!(draft.acts(), Draft::random(seed, 30, &all_acts(), |habits| habits).acts());
            assert_eq!(draft.along(&draft.acts()).stages, draft.stages);
        }
    }

    #[test]
    fn what_is_not_certain_is_not_counted_on() {
        let crashed = stage(&[State::START], Act::CrashInSignIn(Person::Ada, 1)).expect("possible");
        assert_eq!(crashed.after.len(), 2);
        assert!(stage(&crashed.after, Act::Revoke).is_none(), "nobody may be there to revoke");
        let out = stage(&crashed.after, Act::SignOut).expect("always possible");
        assert!(matches!(out.after.as_slice(), [State { installed: Installed::Nobody, .. }]), "{:?}", out.after);
    }
}
