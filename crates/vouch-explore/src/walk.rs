//! Walks: random sequences of acts, held against the model and the invariants, and their shortest failing form.

use super::act::Act;
use super::direct::{Direct, Habits};
use super::scheme::Scheme;
use super::shorten::shorten;
use super::state::{Branch, Seen, State};
use super::subject::{Cast, Mismatch};
use vouch_spec::profile::NumberForm;
use vouch_spec::protocol::{Environment, Realm, Region};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rustc_hash::{FxHashMap, FxHashSet};
use stateright::Model;
use std::collections::{BTreeSet, HashSet};
use std::mem::discriminant;

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
    pub habits: Habits,
    pub steps: Vec<Step>,
    pub mismatch: Option<Mismatch>,
}

/// What walks have visited so far.
#[derive(Default)]
pub struct Coverage {
    pub states: FxHashSet<State>,
    pub transitions: FxHashSet<(State, Act)>,
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

/// Which acts can happen in which state, worked out once for each.
pub struct Possible {
    all: Vec<Act>,
    known: FxHashMap<State, Vec<Vec<Act>>>,
}

impl Possible {
    /// Of these acts.
    pub fn of(all: Vec<Act>) -> Self {
        Self { all, known: FxHashMap::default() }
    }

    fn draw(&mut self, state: &State, random: &mut StdRng) -> Option<Act> {
        let possible = |act: &Act| !state.follow(*act).is_empty();
        let kinds = self.known.entry(*state).or_insert_with(|| by_kind(self.all.iter().copied().filter(possible)));
        kinds.choose(random)?.choose(random).copied()
    }
}

/// Acts by their kind. A kind is drawn first, then one of its acts: else the kinds with many acts would crowd out the others.
pub(super) fn by_kind(acts: impl Iterator<Item = Act>) -> Vec<Vec<Act>> {
    let mut kinds: Vec<Vec<Act>> = Vec::new();
    for act in acts {
        let same = |kind: &&mut Vec<Act>| kind.first().is_some_and(|first| discriminant(first) == discriminant(&act));
        match kinds.iter_mut().find(same) {
            Some(kind) => kind.push(act),
            None => kinds.push(vec![act]),
        }
    }
    kinds
}

pub(super) fn habits(random: &mut StdRng) -> Habits {
    let forms = [None, Some(NumberForm::Number), Some(NumberForm::Text)];
    Habits {
        expires_in: forms[random.random_range(0..3)],
        url_safe_characters: random.random(),
        capital_user_id: random.random(),
        clock_off_minutes: [0, 0, -7, 7][random.random_range(0..4)],
        standard: random.random_range(0..4) == 0,
    }
}

/// Where a walk of this seed lives.
pub(super) fn home(random: &mut StdRng) -> Realm {
    let environments = [Environment::Production, Environment::Sandbox, Environment::Dev];
    let environment = environments[random.random_range(0..3)];
    let region = if random.random() { Region::Us } else { Region::Eu };
    Realm { environment, region }
}

/// Walks `length` random acts.
pub async fn random_walk(
    cast: &Cast,
    seed: u64,
    length: usize,
    possible: &mut Possible,
    coverage: &mut Coverage,
) -> Walked {
    let mut random = StdRng::seed_from_u64(seed);
    let home = home(&mut random);
    let mut walk = Walk::begin(cast, home, habits(&mut random));
    for _ in 0..length {
        let state = walk.state;
        let Some(act) = possible.draw(&state, &mut random) else { break };
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
pub async fn walk_along(cast: &Cast, home: Realm, habits: Habits, acts: &[Act]) -> Walked {
    let mut walk = Walk::begin(cast, home, habits);
    for act in acts {
        if !walk.state.follow(*act).is_empty() && walk.step(*act).await.is_err() {
            break;
        }
    }
    walk.end()
}

/// The shortest form of a failing walk that can be found by leaving acts out, and its plainest.
pub async fn shrink(cast: &Cast, failed: Walked) -> Walked {
    let acts = |walked: &Walked| walked.steps.iter().map(|step| step.act).collect::<Vec<_>>();
    let again = async |best: &Walked, acts: &[Act]| {
        let walked = walk_along(cast, best.home, best.habits, acts).await;
        walked.mismatch.is_some().then_some(walked)
    };
    let mut best = shorten(failed, acts, Act::plainer, again).await;
    for plain in Habits::PLAINER {
        let (acts, mut habits) = (acts(&best), best.habits);
        plain(&mut habits);
        if habits != best.habits {
            let walked = walk_along(cast, best.home, habits, &acts).await;
            if walked.mismatch.is_some() && walked.steps.len() <= acts.len() {
                best = walked;
            }
        }
    }
    best
}

struct Walk {
    subject: Direct,
    home: Realm,
    habits: Habits,
    state: State,
    steps: Vec<Step>,
    mismatch: Option<Mismatch>,
}

/// The walk has come to a mismatch.
struct Over;

impl Walk {
    fn begin(cast: &Cast, home: Realm, habits: Habits) -> Self {
        let subject = Direct::new(cast, home, habits);
        Self { subject, home, habits, state: State::START, steps: Vec::new(), mismatch: None }
    }

    fn end(self) -> Walked {
        Walked { home: self.home, habits: self.habits, steps: self.steps, mismatch: self.mismatch }
    }

    async fn step(&mut self, act: Act) -> Result<(), Over> {
        self.subject.count_deeds();
        let seen = self.subject.perform(act, &self.state).await;
        self.subject.take_changes();
        let (judged, calls) = (self.judge(act, &seen), seen.len().max(1));
        let mismatch = match judged {
            Ok(next) => {
                let before = std::mem::replace(&mut self.state, next);
                self.steps.push(Step { act, seen, after: next });
                let changes = if tells(act) { self.subject.changes_match(act, &before, &next) } else { Ok(()) };
                changes.and_then(|()| self.subject.invariants(calls)).err()
            }
            Err(mismatch) => {
                self.steps.push(Step { act, seen, after: self.state });
                // An invariant says more than a state that differs.
                Some(self.subject.invariants(calls).err().unwrap_or(mismatch))
            }
        };
        self.mismatch = mismatch;
        if self.mismatch.is_some() { Err(Over) } else { Ok(()) }
    }

    /// Of two sign-ins at once one wins, and is the one that the SDK then has (LIF-5).
    fn judge_both(&self, seen: &[Seen], branches: &[Branch]) -> Result<State, Mismatch> {
        let winners: Vec<_> = (0..seen.len()).filter(|at| seen[*at] == Seen::Ok).collect();
        let got = seen.iter().map(words).collect::<Vec<_>>().join(", ");
        match winners.as_slice() {
            [winner] if *winner < branches.len() => {
                let next = branches[*winner].next;
                self.subject.matches(&next).map(|()| next)
            }
            _ => Err(Mismatch { clause: Some("LIF-5"), expected: "one of two sign-ins to win".into(), got }),
        }
    }

    /// The state after an act that ended so, if the model knows one that the SDK agrees with.
    fn judge(&self, act: Act, seen: &[Seen]) -> Result<State, Mismatch> {
        let branches = self.state.follow(act);
        if act == Act::SignInBoth {
            return self.judge_both(seen, &branches);
        }
        let crowd = seen.len() > 1 && act != Act::WaitDeleted;
        let allows = |allowed: &[Seen], seen: &Seen| {
            // Of a crowd, those that come after the first to learn of a deletion find nobody signed in (DEL-5).
            allowed.contains(seen)
                || (crowd
                    && allowed.contains(&Seen::Refused(vouch_spec::protocol::ErrorKind::InvalidUser))
                    && *seen == Seen::Refused(vouch_spec::protocol::ErrorKind::NotSignedIn))
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
        let mut first = None;
        for branch in fitting {
            match self.subject.matches(&branch.next) {
                Ok(()) => return Ok(branch.next),
                Err(mismatch) => first = first.or(Some(mismatch)),
            }
        }
        Err(first.unwrap_or(Mismatch { clause: None, expected: "a state".into(), got: "none".into() }))
    }
}

/// Whether an act leads straight from one status to the next, in one process.
fn tells(act: Act) -> bool {
    matches!(
        act,
        Act::SignIn(..)
            | Act::SignInStruck(..)
            | Act::SignOut
            | Act::Call
            | Act::CallSummary
            | Act::CallOther
            | Act::CallStruck(..)
            | Act::UseKey(_)
            | Act::Refresh
            | Act::Hour
            | Act::Days
    )
}

/// An outcome as people say it.
pub fn words(seen: &Seen) -> String {
    match seen {
        Seen::Ok => "ok".into(),
        Seen::Http(0) => {
            "what must not be: a call too many, an answer without its body, or a token or a user of somebody else"
                .into()
        }
        Seen::Http(status) => format!("HTTP {status}"),
        Seen::Refused(kind) => format!("the error {kind}"),
        Seen::Killed => "the process killed".into(),
        Seen::Never => "no end: what waits for an answer that never comes must give up".into(),
    }
}
