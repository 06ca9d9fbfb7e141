//! In-process walks: random sequences of actions, which are checked against the model and the invariants and shrunk if they fail.

use super::action::Action;
use super::exhaustive_check::SignInModel;
use super::in_process::{Conditions, InProcess};
use super::shrink::shrink_parts;
use super::state::{Branch, Observation, State};
use super::sut::{Mismatch, Parts};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rustc_hash::{FxHashMap, FxHashSet};
use stateright::Model;
use std::collections::{BTreeSet, HashSet};
use std::mem::discriminant;
use vouch_spec::profile::NumberForm;
use vouch_spec::protocol::{Environment, Realm, Region};

/// A step of a walk, and its results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub action: Action,
    pub seen: Vec<Observation>,
    /// The state of the model after it.
    pub after: State,
}

/// An executed walk.
pub struct Walked {
    pub home: Realm,
    pub conditions: Conditions,
    pub steps: Vec<Step>,
    pub mismatch: Option<Mismatch>,
}

/// The states, transitions and actions that walks have visited.
#[derive(Default)]
pub struct Coverage {
    pub states: FxHashSet<State>,
    pub transitions: FxHashSet<(State, Action)>,
    pub actions: BTreeSet<Action>,
}

/// The reachable states, and the number of transitions: pairs of a reachable state and an action that is possible in it.
pub fn reachable() -> (HashSet<State>, usize) {
    let (mut states, mut open) = (HashSet::from([State::START]), vec![State::START]);
    let mut transitions = 0;
    while let Some(state) = open.pop() {
        let mut actions = Vec::new();
        SignInModel.actions(&state, &mut actions);
        transitions += actions.iter().map(|(action, _)| action).collect::<BTreeSet<_>>().len();
        for action in actions {
            if let Some(next) = SignInModel.next_state(&state, action)
                && states.insert(next)
            {
                open.push(next);
            }
        }
    }
    (states, transitions)
}

/// The possible actions of each state, computed once per state.
pub struct Possible {
    all: Vec<Action>,
    known: FxHashMap<State, Vec<Vec<Action>>>,
}

impl Possible {
    /// Considers only these actions.
    pub fn of(all: Vec<Action>) -> Self {
        Self { all, known: FxHashMap::default() }
    }

    fn draw(&mut self, state: &State, random: &mut StdRng) -> Option<Action> {
        let possible = |action: &Action| !state.branches(*action).is_empty();
        let kinds = self.known.entry(*state).or_insert_with(|| by_kind(self.all.iter().copied().filter(possible)));
        kinds.choose(random)?.choose(random).copied()
    }
}

/// Groups actions by kind. A walk draws first a kind and then one of its actions, so that kinds with many actions are not drawn
/// more often than others.
pub(super) fn by_kind(actions: impl Iterator<Item = Action>) -> Vec<Vec<Action>> {
    let mut kinds: Vec<Vec<Action>> = Vec::new();
    for action in actions {
        let same =
            |kind: &&mut Vec<Action>| kind.first().is_some_and(|first| discriminant(first) == discriminant(&action));
        match kinds.iter_mut().find(same) {
            Some(kind) => kind.push(action),
            None => kinds.push(vec![action]),
        }
    }
    kinds
}

pub(super) fn conditions(random: &mut StdRng) -> Conditions {
    let forms = [None, Some(NumberForm::Number), Some(NumberForm::Text)];
    Conditions {
        expires_in: forms[random.random_range(0..3)],
        url_safe_characters: random.random(),
        capital_user_id: random.random(),
        clock_skew_minutes: [0, 0, -7, 7][random.random_range(0..4)],
        standard: random.random_range(0..4) == 0,
    }
}

/// Draws the team's own realm for a walk.
pub(super) fn home(random: &mut StdRng) -> Realm {
    let environments = [Environment::Production, Environment::Sandbox, Environment::Dev];
    let environment = environments[random.random_range(0..3)];
    let region = if random.random() { Region::Us } else { Region::Eu };
    Realm { environment, region }
}

/// Executes a walk of `length` random actions.
pub async fn random_walk(
    parts: &Parts,
    seed: u64,
    length: usize,
    possible: &mut Possible,
    coverage: &mut Coverage,
) -> Walked {
    let mut random = StdRng::seed_from_u64(seed);
    let home = home(&mut random);
    let mut walk = Walk::begin(parts, home, conditions(&mut random));
    for _ in 0..length {
        let state = walk.state;
        let Some(action) = possible.draw(&state, &mut random) else { break };
        coverage.states.insert(state);
        coverage.transitions.insert((state, action));
        coverage.actions.insert(action);
        if walk.step(action).await.is_err() {
            break;
        }
    }
    walk.end()
}

/// Executes the given actions, without those that are not possible.
pub async fn walk_along(parts: &Parts, home: Realm, conditions: Conditions, actions: &[Action]) -> Walked {
    let mut walk = Walk::begin(parts, home, conditions);
    for action in actions {
        if !walk.state.branches(*action).is_empty() && walk.step(*action).await.is_err() {
            break;
        }
    }
    walk.end()
}

/// Shrinks a failing walk: removes and simplifies actions, and resets conditions to their defaults.
pub async fn shrink(parts: &Parts, failed: Walked) -> Walked {
    let actions = |walked: &Walked| walked.steps.iter().map(|step| step.action).collect::<Vec<_>>();
    let again = async |best: &Walked, actions: &[Action]| {
        let walked = walk_along(parts, best.home, best.conditions, actions).await;
        walked.mismatch.is_some().then_some(walked)
    };
    let mut best = shrink_parts(failed, actions, Action::simpler, again).await;
    for simpler_form in Conditions::SIMPLER {
        let (actions, mut conditions) = (actions(&best), best.conditions);
        simpler_form(&mut conditions);
        if conditions != best.conditions {
            let walked = walk_along(parts, best.home, conditions, &actions).await;
            if walked.mismatch.is_some() && walked.steps.len() <= actions.len() {
                best = walked;
            }
        }
    }
    best
}

struct Walk {
    system: InProcess,
    home: Realm,
    conditions: Conditions,
    state: State,
    steps: Vec<Step>,
    mismatch: Option<Mismatch>,
}

/// The walk ended with a mismatch.
struct Over;

impl Walk {
    fn begin(parts: &Parts, home: Realm, conditions: Conditions) -> Self {
        let system = InProcess::new(parts, home, conditions);
        Self { system, home, conditions, state: State::START, steps: Vec::new(), mismatch: None }
    }

    fn end(self) -> Walked {
        Walked { home: self.home, conditions: self.conditions, steps: self.steps, mismatch: self.mismatch }
    }

    async fn step(&mut self, action: Action) -> Result<(), Over> {
        self.system.take_app_operations();
        let seen = self.system.perform(action, &self.state).await;
        self.system.take_changes();
        let (evaluated, calls) = (self.evaluate(action, &seen), seen.len().max(1));
        let mismatch = match evaluated {
            Ok(next) => {
                let before = std::mem::replace(&mut self.state, next);
                self.steps.push(Step { action, seen, after: next });
                let changes =
                    if changes_status(action) { self.system.changes_match(action, &before, &next) } else { Ok(()) };
                changes.and_then(|()| self.system.invariants(calls)).err()
            }
            Err(mismatch) => {
                self.steps.push(Step { action, seen, after: self.state });
                // A violated invariant is more specific than a deviation from the model.
                Some(self.system.invariants(calls).err().unwrap_or(mismatch))
            }
        };
        self.mismatch = mismatch;
        if self.mismatch.is_some() { Err(Over) } else { Ok(()) }
    }

    /// Of two concurrent sign-ins exactly one succeeds, and the SDK has its user afterwards (LIF-5).
    fn evaluate_parallel_sign_ins(&self, seen: &[Observation], branches: &[Branch]) -> Result<State, Mismatch> {
        let winners: Vec<_> = (0..seen.len()).filter(|at| seen[*at] == Observation::Ok).collect();
        let got = seen.iter().map(words).collect::<Vec<_>>().join(", ");
        match winners.as_slice() {
            [winner] if *winner < branches.len() => {
                let next = branches[*winner].next;
                self.system.matches(&next).map(|()| next)
            }
            _ => {
                Err(Mismatch { clause: Some("LIF-5"), expected: "exactly one of two sign-ins to succeed".into(), got })
            }
        }
    }

    /// The state after an action with these results: one that the model allows and that matches the SDK.
    fn evaluate(&self, action: Action, seen: &[Observation]) -> Result<State, Mismatch> {
        let branches = self.state.branches(action);
        if action == Action::ParallelSignIns {
            return self.evaluate_parallel_sign_ins(seen, &branches);
        }
        let parallel_calls = seen.len() > 1 && action != Action::DeletedWhileWaiting;
        let allows = |allowed: &[Observation], seen: &Observation| {
            // Of concurrent calls, those after the first one that detects a deletion find no signed-in user (DEL-5).
            allowed.contains(seen)
                || (parallel_calls
                    && allowed.contains(&Observation::Refused(vouch_spec::protocol::ErrorKind::InvalidUser))
                    && *seen == Observation::Refused(vouch_spec::protocol::ErrorKind::NotSignedIn))
        };
        let fitting: Vec<_> = branches.iter().filter(|b| seen.iter().all(|seen| allows(&b.seen, seen))).collect();
        if fitting.is_empty() {
            let allowed: Vec<_> = branches.iter().flat_map(|branch| &branch.seen).map(words).collect();
            let got: Vec<_> = seen.iter().map(words).collect();
            return Err(Mismatch { clause: None, expected: allowed.join(" or "), got: got.join(", ") });
        }
        let app_operations = self.system.take_app_operations();
        if app_operations > 0 && self.state.must_change_nothing(action) {
            let got = format!("{app_operations} token requests, sign-ins and sign-outs");
            return Err(Mismatch { clause: None, expected: "no token request, sign-in or sign-out".into(), got });
        }
        let mut first = None;
        for branch in fitting {
            match self.system.matches(&branch.next) {
                Ok(()) => return Ok(branch.next),
                Err(mismatch) => first = first.or(Some(mismatch)),
            }
        }
        Err(first.unwrap_or(Mismatch { clause: None, expected: "a state".into(), got: "none".into() }))
    }
}

/// Whether an action leads directly from one status to the next, within one process.
fn changes_status(action: Action) -> bool {
    matches!(
        action,
        Action::SignIn(..)
            | Action::SignInWithFault(..)
            | Action::SignOut
            | Action::Call
            | Action::CallSummary
            | Action::CallOther
            | Action::CallWithFault(..)
            | Action::UseKey(_)
            | Action::Refresh
            | Action::ExpireAccessToken
            | Action::AdvanceDays
    )
}

/// Describes a result for reports.
pub fn words(seen: &Observation) -> String {
    match seen {
        Observation::Ok => "ok".into(),
        Observation::Unexpected => {
            "an unexpected result: an additional call, a response without its body, or a token or record of another user"
                .into()
        }
        Observation::Http(status) => format!("HTTP {status}"),
        Observation::Refused(kind) => format!("the error {kind}"),
        Observation::Killed => "the process killed".into(),
        Observation::Never => "no result: the call did not time out".into(),
    }
}
