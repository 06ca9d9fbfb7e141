//! A walk written down as a scenario file, which `vouch run` plays through the whole stack.

mod asides;
mod calls;
mod phrases;
mod sign_ins;
mod steps;

use super::act::{Act, Ask, On, Place, Try};
use super::direct::Habits;
use super::state::{Seen, State};
use super::walk::{Walked, words};
use super::witness::changes_told;
use vouch_spec::profile::NumberForm;
use vouch_spec::protocol::{Realm, StatusWord};
use std::fmt::Write;

/// What is told of changes of the status.
const CHANGES: &str = "LIF-6";

/// What is to be written.
pub struct Script {
    /// What found it.
    pub seed: u64,
    pub note: String,
    pub clause: String,
    pub home: Realm,
    pub habits: Habits,
    pub stages: Vec<Stage>,
}

/// One act, and the states that may be before and after it. Where there are several, only what holds in all is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    pub act: Act,
    pub before: Vec<State>,
    pub after: Vec<State>,
    /// The act found nothing to do its work with.
    pub idle: bool,
}

/// A scenario file's text.
pub struct Written {
    pub text: String,
    /// The line, from 1, at which each stage begins.
    pub lines: Vec<usize>,
}

/// The scenario of a walk that failed in memory.
pub fn of_walk(walked: &Walked, seed: u64) -> Written {
    let told = walked.mismatch.as_ref().map(|m| format!("expected {}, got {}", m.expected, m.got)).unwrap_or_default();
    let own = walked.steps.last().map_or("REF-2", |step| clause(step.act));
    let mut stages: Vec<Stage> = Vec::new();
    for step in &walked.steps {
        let before = stages.last().map_or_else(|| vec![State::START], |stage: &Stage| stage.after.clone());
        let idle = matches!(step.act, Act::Client(_)) && step.seen == [Seen::Ok];
        stages.push(Stage { act: step.act, before, after: vec![step.after], idle });
    }
    let clause = walked.mismatch.as_ref().and_then(|m| m.clause).unwrap_or(own).to_owned();
    // Where it went wrong, the model alone says what is right; but told changes are wrong for the state that it came to.
    if let Some(last) = stages.last_mut().filter(|_| clause != CHANGES) {
        last.after = last.before.iter().flat_map(|state| state.follow(last.act)).map(|branch| branch.next).collect();
    }
    write(&Script { seed, note: told, clause, home: walked.home, habits: walked.habits, stages })
}

/// The text of a script.
pub fn write(script: &Script) -> Written {
    let mut out = String::new();
    let seed = script.seed;
    let _ = writeln!(out, "id: explored-{seed}");
    let _ = writeln!(out, "title: A walk that `vouch explore --seed {seed}` found");
    let _ = writeln!(out, "note: {}", serde_json::Value::from(script.note.as_str()));
    let _ = writeln!(out, "proves: [{}]", script.clause);
    given(&mut out, script);
    out.push_str("steps:\n");
    if script.habits.clock_off_minutes != 0 {
        let _ = writeln!(out, "  - clockOff: {}\n  - relaunch", script.habits.clock_off_minutes);
    }
    let mut lines = Vec::new();
    let newcomers = newcomers(script).collect::<Vec<_>>();
    for (number, stage) in script.stages.iter().enumerate() {
        lines.push(out.lines().count() + 1);
        let come = newcomers.iter().take_while(|at| **at <= number).count();
        // Told changes are looked at where they went wrong: not every SDK has a stream of them.
        let told = script.clause == CHANGES && number + 1 == script.stages.len();
        if told {
            out.push_str("  - statusChanges: {any: true}\n");
        }
        steps::steps(&mut out, number, stage, script, come);
        if told {
            changes(&mut out, stage);
        }
        checks(&mut out, &stage.after);
    }
    Written { text: out, lines }
}

/// The stages in which somebody new comes.
fn newcomers(script: &Script) -> impl Iterator<Item = usize> {
    let comes = |(_, stage): &(usize, &Stage)| stage.act == Act::Backend(Ask::NewcomerCrowd);
    script.stages.iter().enumerate().filter(comes).map(|(number, _)| number)
}

fn given(out: &mut String, script: &Script) {
    let Realm { environment, region } = script.home;
    let _ = writeln!(out, "given:\n  environment: {environment}\n  region: {region}\n  users: [ada, bob]");
    let names: Vec<_> = newcomers(script).map(newcomer).collect();
    if !names.is_empty() {
        let _ = writeln!(out, "  newcomers: [{}]", names.join(", "));
    }
    let form = match script.habits.expires_in {
        None => "",
        Some(NumberForm::Number) => ", expiresIn: number",
        Some(NumberForm::Text) => ", expiresIn: text",
    };
    let _ = writeln!(out, "  cloud: {{refreshTokens: awkward{form}}}");
    if script.habits.standard {
        out.push_str("  profile: standard\n");
    }
}

fn newcomer(number: usize) -> String {
    format!("newcomer{number}")
}

/// The clause that an act is about, where no invariant names one.
pub fn clause(act: Act) -> &'static str {
    match act {
        Act::SignIn(_, Place::OtherRegion) => "MIG-5",
        Act::SignIn(_, Place::OtherEnvironment) => "MIG-4",
        Act::SignIn(..) | Act::SignInWatched(_) => "EXC-1",
        Act::SignInStruck(..) => "EXC-4",
        Act::SignInOtherCase(_) => "MIG-10",
        Act::WaitDeleted => "DEL-5",
        Act::Damage(_) => "PER-5",
        Act::Identify(_) => "REC-8",
        Act::SignOut | Act::LockedSignOut | Act::SignInAbroad(..) => "OUT-1",
        Act::UseKey(_) => "KEY-1",
        Act::SetUser(_) => "LIF-2",
        Act::CallOther => "SCO-2",
        Act::CallStruck(On::Refresh, _) => "REF-6",
        Act::CallStruck(On::Api, _) => "DEL-4",
        Act::Crowd | Act::CrowdRefused => "REF-4",
        Act::LateRefusal => "REF-3",
        Act::CrowdSignOut | Act::SignInSignOut(_) => "OUT-5",
        Act::LockedCall => "PER-4",
        Act::NextUser(..) => "LIF-4",
        Act::Relaunch => "PER-1",
        Act::Reboot => "PER-2",
        Act::Kill | Act::CrashInCall(_) => "PER-3",
        Act::Reinstall => "PER-7",
        Act::CrashInSignIn(..) => "EXC-5",
        Act::Reconcile => "REC-6",
        Act::SignInForged(_) => "EXC-6",
        Act::SignInLate(_) => "ISS-5",
        Act::SignInBoth => "LIF-5",
        Act::UseForeignKey(_) => "KEY-5",
        Act::UserWithoutKey => "KEY-3",
        Act::CallTeam => "SCO-3",
        Act::CallSummary => "SCO-1",
        Act::LockedLaunch => "PER-6",
        Act::Client(Try::AccessTokenAt(_) | Try::KeyAt(_)) => "SCO-4",
        Act::Client(Try::Metrics | Try::NewUser) => "SCO-3",
        Act::Client(Try::ExpiredAccessToken) => "IDP-7",
        Act::Client(Try::SignInTokenAgain) => "IDP-1",
        Act::Client(Try::OldRefreshToken) => "IDP-2",
        Act::Client(Try::Twin) | Act::Backend(Ask::NewcomerCrowd | Ask::Raced(_)) => "ISS-2",
        Act::Client(_) => "IDP-4",
        Act::Backend(Ask::WithoutCredential | Ask::WithGarbage) => "ISS-1",
        Act::Backend(Ask::NamingInQuery(_) | Ask::NamingInBody(_) | Ask::NamingInHeader(_)) => "ISS-3",
        Act::Backend(Ask::Rightly(_)) => "ISS-8",
        Act::Backend(_) => "ISS-7",
        _ => "REF-2",
    }
}

fn expect(out: &mut String, stage: &Stage) {
    let mut outcomes: Vec<String> = Vec::new();
    let branches = stage.before.iter().flat_map(|state| state.follow(stage.act));
    for seen in branches.flat_map(|branch| branch.seen) {
        let word = match seen {
            Seen::Ok => "ok".to_owned(),
            Seen::Http(status) => status.to_string(),
            Seen::Refused(kind) => kind.word().to_owned(),
            Seen::Killed => "killed".to_owned(),
            // No model allows it.
            Seen::Never => continue,
        };
        if !outcomes.contains(&word) {
            outcomes.push(word);
        }
    }
    let _ = writeln!(out, "    expect: [{}]", outcomes.join(", "));
}

/// What the SDK must say of itself, where all states that may be agree on it.
fn checks(out: &mut String, after: &[State]) {
    let Some(first) = after.first() else { return };
    if after.iter().all(|state| state.status() == first.status()) {
        let _ = writeln!(out, "  - status: {}", words_of(first.status()));
    }
    if after.iter().all(|state| state.user() == first.user()) {
        let user = first.user().map_or("none".to_owned(), |who| format!("${}.id", who.name()));
        let _ = writeln!(out, "  - currentUser: {user}");
    }
}

/// The changes of status that an act must tell, where the model leaves no choice.
fn changes(out: &mut String, stage: &Stage) {
    let ([before], [after]) = (&stage.before[..], &stage.after[..]) else { return };
    let told: Vec<_> = changes_told(stage.act, before, after).iter().map(|set| words_of(set)).collect();
    let _ = writeln!(out, "  - statusChanges: [{}]", told.join(", "));
}

fn words_of(status: &[StatusWord]) -> String {
    format!("[{}]", status.iter().map(|word| word.word()).collect::<Vec<_>>().join(", "))
}

/// A walk in a few lines, for people.
pub fn tell(walked: &Walked) -> String {
    let mut out = String::new();
    for (number, step) in walked.steps.iter().enumerate() {
        let mut seen: Vec<_> = step.seen.iter().map(words).collect();
        seen.dedup();
        let _ = writeln!(out, "  {:>3}  {:<44} {}", number + 1, format!("{:?}", step.act), seen.join(", "));
    }
    out
}
