//! Walks as scenarios. The steps of a walk are built as values; they are printed as YAML only to save a scenario file or to
//! hand one to the runner.

mod calls;
mod device;
mod non_sdk_steps;
mod sign_ins;
mod step_templates;
mod steps;

use super::action::{Action, BackendRequest, ClientRequest, FaultTarget, Place};
use super::checks::expected_status_changes;
use super::in_process::Conditions;
use super::state::{Observation, State};
use super::walk::{Walked, words};
use std::fmt::Write;
use vouch_spec::profile::NumberForm;
use vouch_spec::protocol::Realm;
use vouch_spec::scenario::Text;
use vouch_spec::step::{
    ClockSkew, CurrentUser, NO_USER, Outcome, Outcomes, Relaunch, ScenarioStep, Status, StatusChanges,
};

/// The clause of status changes.
const CHANGES: &str = "LIF-6";

/// The walk that is written as a scenario.
pub struct WalkScenario {
    /// The seed that found it.
    pub seed: u64,
    pub record: String,
    pub clause: String,
    pub home: Realm,
    pub conditions: Conditions,
    pub stages: Vec<Stage>,
}

/// One action, with the possible states before and after it. Only what holds in all of them is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    pub action: Action,
    pub before: Vec<State>,
    pub after: Vec<State>,
    /// The action had no effect, for example because there was no old token to send.
    pub idle: bool,
}

/// The text of a scenario file.
pub struct ScenarioText {
    pub text: String,
    /// The line at which each stage starts, counted from 1.
    pub lines: Vec<usize>,
}

/// The scenario of a failed in-process walk.
pub fn of_walk(walked: &Walked, seed: u64) -> ScenarioText {
    let reported =
        walked.mismatch.as_ref().map(|m| format!("expected {}, got {}", m.expected, m.got)).unwrap_or_default();
    let own = walked.steps.last().map_or("REF-2", |step| clause(step.action));
    let mut stages: Vec<Stage> = Vec::new();
    for step in &walked.steps {
        let before = stages.last().map_or_else(|| vec![State::START], |stage: &Stage| stage.after.clone());
        let idle = matches!(step.action, Action::Client(_)) && step.seen == [Observation::Ok];
        stages.push(Stage { action: step.action, before, after: vec![step.after], idle });
    }
    let clause = walked.mismatch.as_ref().and_then(|m| m.clause).unwrap_or(own).to_owned();
    // At the failing stage all states that the model allows are expected. Status changes are compared with the reached state.
    if let Some(last) = stages.last_mut().filter(|_| clause != CHANGES) {
        last.after =
            last.before.iter().flat_map(|state| state.branches(last.action)).map(|branch| branch.next).collect();
    }
    write(&WalkScenario { seed, record: reported, clause, home: walked.home, conditions: walked.conditions, stages })
}

/// The scenario file of a walk.
pub fn write(script: &WalkScenario) -> ScenarioText {
    let mut text = header(script);
    print(&mut text, &preparation(script));
    let mut lines = Vec::new();
    for (number, stage) in script.stages.iter().enumerate() {
        lines.push(text.lines().count() + 1);
        print(&mut text, &stage_steps(script, number, stage));
    }
    ScenarioText { text, lines }
}

fn print(text: &mut String, steps: &[ScenarioStep]) {
    for step in steps {
        let _ = writeln!(text, "  - {}", step.to_yaml().replace('\n', "\n  "));
    }
}

/// The steps before the first stage.
fn preparation(script: &WalkScenario) -> Vec<ScenarioStep> {
    match script.conditions.clock_skew_minutes {
        0 => vec![],
        minutes => vec![ScenarioStep::new(ClockSkew { minutes }), ScenarioStep::new(Relaunch {})],
    }
}

/// The steps of one stage, with the checks after it.
fn stage_steps(script: &WalkScenario, number: usize, stage: &Stage) -> Vec<ScenarioStep> {
    let new_users = new_user_stages(script).take_while(|at| *at <= number).count();
    // Status changes are checked only where they were wrong: not every SDK reports them.
    let with_changes = script.clause == CHANGES && number + 1 == script.stages.len();
    let mut steps = Vec::new();
    if with_changes {
        steps.push(ScenarioStep::new(StatusChanges { are: None, any: true }));
    }
    steps.extend(steps::steps(number, stage, script, new_users));
    if with_changes {
        steps.extend(changes(stage));
    }
    steps.extend(checks(&stage.after));
    steps
}

/// The stages that create a user.
fn new_user_stages(script: &WalkScenario) -> impl Iterator<Item = usize> {
    let comes = |(_, stage): &(usize, &Stage)| stage.action == Action::Backend(BackendRequest::ParallelNewUser);
    script.stages.iter().enumerate().filter(comes).map(|(number, _)| number)
}

/// The scenario file up to `steps:`.
fn header(script: &WalkScenario) -> String {
    let mut out = String::new();
    let seed = script.seed;
    let _ = writeln!(out, "id: explored-{seed}");
    let _ = writeln!(out, "title: A walk that `vouch explore --seed {seed}` found");
    let _ = writeln!(out, "note: {}", serde_json::Value::from(script.record.as_str()));
    let _ = writeln!(out, "proves: [{}]", script.clause);
    given(&mut out, script);
    out.push_str("steps:\n");
    out
}

fn given(out: &mut String, script: &WalkScenario) {
    let Realm { environment, region } = script.home;
    let _ = writeln!(out, "given:\n  environment: {environment}\n  region: {region}\n  users: [ada, bob]");
    let names: Vec<_> = new_user_stages(script).map(new_user).collect();
    if !names.is_empty() {
        let _ = writeln!(out, "  newcomers: [{}]", names.join(", "));
    }
    let form = match script.conditions.expires_in {
        None => "",
        Some(NumberForm::Number) => ", expiresIn: number",
        Some(NumberForm::Text) => ", expiresIn: text",
    };
    let _ = writeln!(out, "  cloud: {{refreshTokens: awkward{form}}}");
    if script.conditions.standard {
        out.push_str("  profile: standard\n");
    }
}

fn new_user(number: usize) -> String {
    format!("newcomer{number}")
}

/// The clause that an action is about, where no invariant names one.
pub fn clause(action: Action) -> &'static str {
    match action {
        Action::SignIn(_, Place::OtherRegion) => "MIG-5",
        Action::SignIn(_, Place::OtherEnvironment) => "MIG-4",
        Action::SignIn(..) | Action::SignInCheckedMidway(_) => "EXC-1",
        Action::SignInWithFault(..) => "EXC-4",
        Action::SignInOtherCase(_) => "MIG-10",
        Action::DeletedWhileWaiting => "DEL-5",
        Action::CorruptStorage(_) => "PER-5",
        Action::Identify(_) => "REC-8",
        Action::SignOut | Action::LockedSignOut | Action::SignInElsewhere(..) => "OUT-1",
        Action::UseKey(_) => "KEY-1",
        Action::SetUser(_) => "LIF-2",
        Action::CallOther => "SCO-2",
        Action::CallWithFault(FaultTarget::Refresh, _) => "REF-6",
        Action::CallWithFault(FaultTarget::Api, _) => "DEL-4",
        Action::ParallelCalls | Action::ParallelCallsRefused => "REF-4",
        Action::LateRefusal => "REF-3",
        Action::SignOutDuringCalls | Action::SignOutDuringSignIn(_) => "OUT-5",
        Action::LockedCall => "PER-4",
        Action::NextUser(..) => "LIF-4",
        Action::Relaunch => "PER-1",
        Action::Reboot => "PER-2",
        Action::Kill | Action::CrashInCall(_) => "PER-3",
        Action::Reinstall => "PER-7",
        Action::UpdatedSignIn(_) | Action::UpdatedKey(_) => "UPD-1",
        Action::CrashInUpdate(..) => "UPD-2",
        Action::Restore(_) => "PER-11",
        Action::SecondProcessCall => "MUL-1",
        Action::SecondProcessSignOut => "MUL-2",
        Action::SecondProcessSignIn(_) => "MUL-3",
        Action::WokenAndKilled | Action::WokenWhileLocked | Action::OpenedAfterWake => "WAK-1",
        Action::CrashInSignIn(..) => "EXC-5",
        Action::Reconcile => "REC-6",
        Action::SignInForged(_) => "EXC-6",
        Action::SignInExpiredToken(_) => "ISS-5",
        Action::ParallelSignIns => "LIF-5",
        Action::UseForeignKey(_) => "KEY-5",
        Action::SetUserWithoutKey => "KEY-3",
        Action::CallTeam => "SCO-3",
        Action::CallSummary => "SCO-1",
        Action::LockedLaunch => "PER-6",
        Action::Client(ClientRequest::AccessTokenAt(_) | ClientRequest::KeyAt(_)) => "SCO-4",
        Action::Client(ClientRequest::Metrics | ClientRequest::NewUser) => "SCO-3",
        Action::Client(ClientRequest::ExpiredAccessToken) => "IDP-7",
        Action::Client(ClientRequest::SignInTokenAgain) => "IDP-1",
        Action::Client(ClientRequest::OldRefreshToken) => "IDP-2",
        Action::Client(ClientRequest::DuplicateUser)
        | Action::Backend(BackendRequest::ParallelNewUser | BackendRequest::LookupRace(_)) => "ISS-2",
        Action::Client(_) => "IDP-4",
        Action::Backend(BackendRequest::WithoutCredential | BackendRequest::WithGarbage) => "ISS-1",
        Action::Backend(
            BackendRequest::OtherUserInQuery(_)
            | BackendRequest::OtherUserInBody(_)
            | BackendRequest::OtherUserInHeader(_),
        ) => "ISS-3",
        Action::Backend(BackendRequest::Valid(_)) => "ISS-8",
        Action::Backend(_) => "ISS-7",
        _ => "REF-2",
    }
}

/// What the model allows the stage's call to return.
fn expected(stage: &Stage) -> Outcomes {
    Outcomes::of(expected_outcomes(stage))
}

fn expected_outcomes(stage: &Stage) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let branches = stage.before.iter().flat_map(|state| state.branches(stage.action));
    for seen in branches.flat_map(|branch| branch.seen) {
        let outcome = match seen {
            Observation::Ok => Outcome::Ok,
            Observation::Http(status) => Outcome::Http(status),
            Observation::Refused(kind) => Outcome::Refused(kind),
            Observation::Killed => Outcome::Killed,
            // The model never allows these.
            Observation::Never | Observation::Unexpected => continue,
        };
        if !outcomes.contains(&outcome) {
            outcomes.push(outcome);
        }
    }
    outcomes
}

/// The status and the user that the SDK must report, where all possible states agree on them.
fn checks(after: &[State]) -> Vec<ScenarioStep> {
    let Some(first) = after.first() else { return vec![] };
    let mut steps = Vec::new();
    if after.iter().all(|state| state.status() == first.status()) {
        let is = Some(first.status().to_vec());
        steps.push(ScenarioStep::new(Status { is, includes: vec![], excludes: vec![] }));
    }
    if after.iter().all(|state| state.user() == first.user()) {
        let user = first.user().map_or(NO_USER.to_owned(), |person| format!("${}.id", person.name()));
        steps.push(ScenarioStep::new(CurrentUser::is(Text(user))));
    }
    steps
}

/// The status changes that the SDK must report, where the model allows only one sequence of them.
fn changes(stage: &Stage) -> Option<ScenarioStep> {
    let ([before], [after]) = (&stage.before[..], &stage.after[..]) else { return None };
    let changes = expected_status_changes(stage.action, before, after).iter().map(|set| set.to_vec()).collect();
    Some(ScenarioStep::new(StatusChanges { are: Some(changes), any: false }))
}

/// Describes a walk for the console.
pub fn tell(walked: &Walked) -> String {
    let mut out = String::new();
    for (number, step) in walked.steps.iter().enumerate() {
        let mut seen: Vec<_> = step.seen.iter().map(words).collect();
        seen.dedup();
        let _ = writeln!(out, "  {:>3}  {:<44} {}", number + 1, format!("{:?}", step.action), seen.join(", "));
    }
    out
}
