//! Walks: random sequences of acts, held against the model and the invariants, and their shortest failing form.

use super::direct::Direct;
use super::model::{Act, Scheme, Seen, State, acts};
use super::subject::{Cast, Mismatch};
use crate::protocol::{Environment, Realm, Region};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use stateright::Model;
use std::collections::{BTreeSet, HashSet};

/// A step of a walk, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub act: Act,
    pub seen: Vec<Seen>,
    /// What the model says of the state after it.
    pub after: State,
}

/// How a walk went.
pub struct Walked {
    pub home: Realm,
    pub steps: Vec<Step>,
    pub mismatch: Option<Mismatch>,
}

/// What walks have visited so far.
#[derive(Default)]
pub struct Coverage {
    pub states: HashSet<State>,
    pub transitions: HashSet<(State, Act)>,
    pub acts: BTreeSet<Act>,
}

/// States, and pairs of a state and an act that can happen in it, that can be reached at all.
pub fn reachable() -> (HashSet<State>, usize) {
    let (mut states, mut open) = (HashSet::from([State::START]), vec![State::START]);
    let mut transitions = 0;
    while let Some(state) = open.pop() {
        let mut actions = Vec::new();
        Scheme.actions(&state, &mut actions);
        transitions += actions.iter().map(|(act, _)| act).collect::<BTreeSet<_>>().len();
        for action in actions {
            if let Some(next) = Scheme.next_state(&state, action)
                && states.insert(next)
            {
                open.push(next);
            }
        }
    }
    (states, transitions)
}

/// The acts that can happen in a state.
fn possible(state: &State, all: &[Act]) -> Vec<Act> {
    all.iter().copied().filter(|act| !state.follow(*act).is_empty()).collect()
}

/// Where a walk of this seed lives.
fn home(random: &mut StdRng) -> Realm {
    let environment = if random.random() { Environment::Production } else { Environment::Sandbox };
    let region = if random.random() { Region::Us } else { Region::Eu };
    Realm { environment, region }
}

/// Walks `length` random acts.
pub async fn random_walk(cast: &Cast, seed: u64, length: usize, all: &[Act], coverage: &mut Coverage) -> Walked {
    let mut random = StdRng::seed_from_u64(seed);
    let home = home(&mut random);
    let mut walk = Walk::begin(cast, home);
    for _ in 0..length {
        let state = walk.state;
        let Some(act) = possible(&state, all).choose(&mut random).copied() else { break };
        coverage.states.insert(state);
        coverage.transitions.insert((state, act));
        coverage.acts.insert(act);
        if walk.step(act).await.is_err() {
            break;
        }
    }
    walk.end()
}

/// Walks given acts, leaving out those that cannot happen.
pub async fn walk_along(cast: &Cast, home: Realm, acts: &[Act]) -> Walked {
    let mut walk = Walk::begin(cast, home);
    for act in acts {
        if !walk.state.follow(*act).is_empty() && walk.step(*act).await.is_err() {
            break;
        }
    }
    walk.end()
}

/// The shortest form of a failing walk that can be found by leaving acts out.
pub async fn shrink(cast: &Cast, failed: Walked) -> Walked {
    let mut best = failed;
    let mut size = best.steps.len() / 2;
    while size >= 1 {
        let mut at = 0;
        while at < best.steps.len() {
            let kept = best.steps.iter().enumerate().filter(|(i, _)| !(at..at + size).contains(i));
            let shorter: Vec<_> = kept.map(|(_, step)| step.act).collect();
            let walked = walk_along(cast, best.home, &shorter).await;
            if walked.mismatch.is_some() && walked.steps.len() < best.steps.len() {
                best = walked;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    best
}

struct Walk {
    subject: Direct,
    home: Realm,
    state: State,
    steps: Vec<Step>,
    mismatch: Option<Mismatch>,
}

/// The walk has come to a mismatch.
struct Over;

impl Walk {
    fn begin(cast: &Cast, home: Realm) -> Self {
        let subject = Direct::new(cast, home);
        Self { subject, home, state: State::START, steps: Vec::new(), mismatch: None }
    }

    fn end(self) -> Walked {
        Walked { home: self.home, steps: self.steps, mismatch: self.mismatch }
    }

    async fn step(&mut self, act: Act) -> Result<(), Over> {
        self.subject.count_deeds();
        let seen = self.subject.perform(act, &self.state).await;
        let judged = self.judge(act, &seen);
        let mismatch = match judged {
            Ok(next) => {
                self.steps.push(Step { act, seen, after: next });
                self.state = next;
                self.subject.invariants().err()
            }
            Err(mismatch) => {
                self.steps.push(Step { act, seen, after: self.state });
                // An invariant says more than a state that differs.
                Some(self.subject.invariants().err().unwrap_or(mismatch))
            }
        };
        self.mismatch = mismatch;
        if self.mismatch.is_some() { Err(Over) } else { Ok(()) }
    }

    /// The state after an act that ended so, if the model knows one that the SDK agrees with.
    fn judge(&self, act: Act, seen: &[Seen]) -> Result<State, Mismatch> {
        let branches = self.state.follow(act);
        let crowd = seen.len() > 1;
        let allows = |allowed: &[Seen], seen: &Seen| {
            // Of a crowd, those that come after the first to learn of a deletion find nobody signed in (DEL-5).
            allowed.contains(seen)
                || (crowd
                    && allowed.contains(&Seen::Refused(crate::protocol::ErrorKind::InvalidUser))
                    && *seen == Seen::Refused(crate::protocol::ErrorKind::NotSignedIn))
        };
        let fitting: Vec<_> = branches.iter().filter(|b| seen.iter().all(|seen| allows(&b.seen, seen))).collect();
        if fitting.is_empty() {
            let allowed: Vec<_> = branches.iter().flat_map(|branch| &branch.seen).map(words).collect();
            let got: Vec<_> = seen.iter().map(words).collect();
            return Err(Mismatch { clause: None, expected: allowed.join(" or "), got: got.join(", ") });
        }
        let deeds = self.subject.count_deeds();
        if deeds > 0 && self.state.asks_for_nothing(act) {
            let got = format!("{deeds} token requests, sign-ins and sign-outs");
            return Err(Mismatch { clause: None, expected: "nothing asked for and nothing done".into(), got });
        }
        let mut last = None;
        for branch in fitting {
            match self.subject.matches(&branch.next) {
                Ok(()) => return Ok(branch.next),
                Err(mismatch) => last = Some(mismatch),
            }
        }
        Err(last.unwrap_or(Mismatch { clause: None, expected: "a state".into(), got: "none".into() }))
    }
}

/// An outcome as people say it.
pub fn words(seen: &Seen) -> String {
    match seen {
        Seen::Ok => "ok".into(),
        Seen::Http(status) => format!("HTTP {status}"),
        Seen::Refused(kind) => format!("the error {kind}"),
        Seen::Killed => "the process killed".into(),
    }
}

/// Every act, for walks of the built-in parts.
pub fn all_acts() -> Vec<Act> {
    acts()
}
