//! The steps of sign-ins.

use super::step_templates::{
    await_call, clear_faults, elsewhere, fault, gap_of, is_online, issue_token, kill_and_launch, pause, release,
    request_of, sends, sign_in, sign_out, start, start_held, text, while_online,
};
use super::{Stage, WalkScenario, checks, expected};
use crate::action::{Action, InjectedFault, Person, Place};
use crate::state::{Installed, State};
use vouch_spec::operation::Operation;
use vouch_spec::protocol::ErrorKind;
use vouch_spec::step::{
    Crash, Expire, ExpiringToken, FaultKind, ForgeToken, Forgery, IssueToken, Only, Outcome, Outcomes, Parallel,
    ScenarioStep, TrafficExpectation,
};

pub(super) fn steps(number: usize, stage: &Stage, script: &WalkScenario) -> Vec<ScenarioStep> {
    let (token, name) = (format!("t{number}"), format!("c{number}"));
    let issue = |person: Person, place: Place| issue(stage, script, person, place, &token);
    let sign_in = || sign_in(&token);
    let mut steps = Vec::new();
    match stage.action {
        Action::SignIn(person, place) => {
            steps.extend(issue(person, place));
            steps.push(sign_in().expect(expected(stage)));
        }
        Action::SignInWithFault(person, how) => {
            steps.push(fault(Operation::Exchange, how));
            steps.extend(issue(person, Place::Home));
            let mut exchange = sign_in().expect(expected(stage));
            if let InjectedFault::RetryAfter(_, seconds) = how {
                let sent = TrafficExpectation { exchange: Some(gap_of(seconds)), ..TrafficExpectation::default() };
                exchange = sends(exchange, sent);
            }
            steps.extend([exchange, clear_faults()]);
        }
        Action::SignInForged(how) => {
            steps.extend(issue(Person::Ada, Place::Home));
            steps.extend(forged(number, stage, how));
        }
        Action::SignInOtherCase(person) => {
            steps.extend(issue(person, Place::Home));
            steps.push(sign_in().expect(expected(stage)));
        }
        Action::SignInElsewhere(person, place) => {
            steps.extend(issue(person, place));
            steps.extend([sign_in(), request_of(person).expect(expected(stage)), sign_out()]);
        }
        Action::SignInExpiredToken(person) => {
            steps.extend(issue(person, Place::Home));
            steps.push(ScenarioStep::new(Expire::all(ExpiringToken::SignInToken)));
            steps.push(sign_in().expect(expected(stage)));
        }
        Action::ParallelSignIns => parallel_sign_ins(&mut steps, number, stage),
        Action::SignOutDuringSignIn(person) => {
            steps.extend(issue(person, Place::Home));
            steps.extend(start_held(Operation::Exchange, FaultKind::HoldResponse, sign_in(), &name));
            let out = format!("o{number}");
            steps.extend([start(sign_out(), &out, None), pause(30), release(), await_call(&out)]);
            steps.push(await_call(&name).expect(expected(stage)));
        }
        Action::SignInCheckedMidway(person) => {
            steps.extend(issue(person, Place::Home));
            steps.extend(start_held(Operation::Exchange, FaultKind::HoldRequest, sign_in(), &name));
            steps.extend(checks(&stage.before));
            steps.extend([release(), await_call(&name).expect(expected(stage))]);
        }
        Action::CrashInSignIn(person, write) => {
            steps.extend(issue(person, Place::Home));
            let crash = Crash { step: sign_in(), write: Some(write) };
            steps.push(ScenarioStep::new(crash).expect(expected(stage)));
            steps.extend(kill_and_launch());
        }
        _ => {}
    }
    steps
}

/// Issues a sign-in token of the walk's shape. The backend needs the network for that.
fn issue(stage: &Stage, script: &WalkScenario, person: Person, place: Place, bind: &str) -> Vec<ScenarioStep> {
    let other_case = matches!(stage.action, Action::SignInOtherCase(_));
    let (environment, region) = elsewhere(place, script.home);
    let token = IssueToken {
        environment,
        region,
        url_safe_characters: script.conditions.url_safe_characters,
        capital_user_id: script.conditions.capital_user_id != other_case,
        ..issue_token(person, bind)
    };
    while_online(is_online(stage), vec![ScenarioStep::new(token)])
}

/// A sign-in with a forged copy of the token that was issued.
fn forged(number: usize, stage: &Stage, how: Forgery) -> [ScenarioStep; 2] {
    let bind = format!("f{number}");
    let mut exchange = sign_in(&bind).expect(expected(stage));
    // Only the vendor can check a signature.
    if how != Forgery::BadSignature {
        let nothing = TrafficExpectation { only: Some(Only::Nothing), ..TrafficExpectation::default() };
        exchange = sends(exchange, nothing);
    }
    [ScenarioStep::new(ForgeToken { from: text(format!("$t{number}")), how, bind }), exchange]
}

fn parallel_sign_ins(steps: &mut Vec<ScenarioStep>, number: usize, stage: &Stage) {
    let refused = [ErrorKind::AlreadySignedIn, ErrorKind::InvalidSignInToken, ErrorKind::Incompatible];
    let outcomes = Outcomes::of([Outcome::Ok].into_iter().chain(refused.map(Outcome::Refused)));
    let tokens = [(Person::Ada, format!("a{number}")), (Person::Bob, format!("b{number}"))];
    steps.extend(tokens.iter().map(|(person, bind)| ScenarioStep::new(issue_token(*person, bind))));
    let inner = tokens.iter().map(|(_, bind)| sign_in(bind).expect(outcomes.clone())).collect();
    steps.push(ScenarioStep::new(Parallel { successes: Some(1), ..Parallel::new(inner, 1) }));
    // Which of the two succeeds is a race. The rest of the walk needs the user of its own run, so that one signs in again.
    if let [State { installed: Installed::Token { person, .. }, .. }] = stage.after[..] {
        let bind = format!("c{number}");
        steps.extend([sign_out(), ScenarioStep::new(issue_token(person, &bind)), sign_in(&bind)]);
    }
}
