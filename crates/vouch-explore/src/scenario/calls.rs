//! The steps of API calls.

use super::step_templates::{
    await_call, call_of, clear_faults, exactly, expire_access_token, fault, gap_of, kill_and_launch, own, pause,
    refreshes, refuse_access_tokens, release, request, request_of, sends, sign_out, start, start_held, text,
};
use super::{Stage, expected, expected_outcomes};
use crate::action::{Action, FaultTarget, InjectedFault, Person};
use vouch_spec::operation::Operation;
use vouch_spec::protocol::ErrorKind;
use vouch_spec::step::{
    Advance, Crash, DeleteUser, FaultKind, LockStorage, Outcome, Outcomes, Parallel, Request, ScenarioStep,
    TrafficCount, TrafficExpectation, UnlockStorage,
};

pub(super) fn steps(number: usize, stage: &Stage) -> Vec<ScenarioStep> {
    let (action, own) = (stage.action, own(stage));
    let call = || request_of(own);
    let expected_call = || call().expect(expected(stage));
    let named = |name: &str| format!("{name}{number}");
    let mut steps = Vec::new();
    match action {
        Action::CallTeam => steps.push(request("GET /v2/user").expect(expected(stage))),
        Action::CrashInCall(write) => {
            let crash = ScenarioStep::new(Crash { step: call(), write: Some(write) });
            steps.extend([expire_access_token(), crash.expect(expected(stage))]);
            steps.extend(kill_and_launch());
        }
        Action::CallOther => steps.push(request_of(own.other()).expect(expected(stage))),
        Action::Call => steps.push(call_for_body(call_of(own), own).expect(expected(stage))),
        Action::CallSummary => {
            let summary = format!("GET /v2/summary/sleep/${}.id", own.name());
            steps.push(call_for_body(summary, own).expect(expected(stage)));
        }
        Action::CallWithFault(on, how) => call_with_fault(&mut steps, stage, on, how),
        Action::ParallelCallsRefused => {
            steps.push(refuse_access_tokens(own));
            steps.extend(start_held(Operation::Refresh, FaultKind::HoldResponse, call(), &named("a")));
            steps.extend(["b", "c"].map(|name| start(call(), &named(name), None)));
            steps.extend([pause(100), release()]);
            let end = |name| await_call(&named(name)).expect(expected(stage));
            steps.extend([refreshes(end("a"), exactly(1)), end("b"), end("c")]);
        }
        Action::ParallelCalls => {
            let mut outcomes = expected_outcomes(stage);
            let deleted = outcomes.iter().position(|o| *o == Outcome::Refused(ErrorKind::InvalidUser));
            if let Some(at) = deleted {
                outcomes.insert(at + 1, Outcome::Refused(ErrorKind::NotSignedIn));
            }
            let inner = vec![call().expect(Outcomes::of(outcomes))];
            let parallel = Parallel::new(inner, 4);
            steps.extend([expire_access_token(), ScenarioStep::new(parallel)]);
        }
        Action::LateRefusal => {
            steps.push(refuse_access_tokens(own));
            steps.extend(start_held(Operation::Api, FaultKind::HoldResponse, call(), &named("c")));
            let end = await_call(&named("c")).expect(expected(stage));
            let at_most_one = TrafficCount { at_most: Some(1), ..TrafficCount::default() };
            steps.extend([expected_call(), release(), refreshes(end, at_most_one)]);
        }
        Action::DeletedWhileWaiting => {
            steps.push(call().expect(Outcomes::of([Outcome::Http(200)])));
            steps.push(ScenarioStep::new(DeleteUser { user: own.name().into(), any_refusal: false }));
            steps.extend(start_held(Operation::Refresh, FaultKind::HoldResponse, call(), &named("a")));
            // The API refuses the second call before the response to the refresh arrives: from then on the call waits.
            steps.extend([start(call(), &named("b"), Some(Operation::Api)), pause(300), release()]);
            steps.extend(["a", "b"].map(|name| await_call(&named(name)).expect(expected(stage))));
        }
        Action::CallTwice => steps.extend([expected_call(), refreshes(expected_call(), exactly(0))]),
        Action::LockedCall => {
            let (storage, network) = (Outcome::Refused(ErrorKind::Storage), Outcome::Refused(ErrorKind::Network));
            let locked = call().expect(Outcomes::of([storage, network, Outcome::Http(200)]));
            steps.extend([expire_access_token(), ScenarioStep::new(LockStorage {}), locked]);
            steps.extend([ScenarioStep::new(UnlockStorage {}), expected_call()]);
            steps.extend(kill_and_launch());
        }
        Action::SignOutDuringCalls => {
            steps.push(expire_access_token());
            steps.extend(start_held(Operation::Refresh, FaultKind::HoldResponse, call(), &named("c")));
            steps.extend([sign_out(), release(), await_call(&named("c")).expect(expected(stage))]);
        }
        _ => {}
    }
    steps
}

/// A call whose response must be about this user.
fn call_for_body(call: String, person: Person) -> ScenarioStep {
    let id = text(format!("${}.id", person.name()));
    ScenarioStep::new(Request { call: text(call), body: [("user_id".to_owned(), id)].into(), json: [].into() })
}

fn call_with_fault(steps: &mut Vec<ScenarioStep>, stage: &Stage, on: FaultTarget, how: InjectedFault) {
    let call = || request_of(own(stage)).expect(expected(stage));
    match on {
        FaultTarget::Refresh => steps.extend([expire_access_token(), fault(Operation::Refresh, how), call()]),
        FaultTarget::Api => {
            let sent = |seconds| TrafficExpectation { api: Some(gap_of(seconds)), ..TrafficExpectation::default() };
            let call = match how {
                InjectedFault::RetryAfter(_, seconds) => sends(call(), sent(seconds)),
                _ => call(),
            };
            steps.extend([fault(Operation::Api, how), call]);
        }
    }
    steps.push(clear_faults());
    if let Some(wait) = how.long_wait() {
        steps.extend([call(), ScenarioStep::new(Advance::unused(format!("{}s", wait.as_secs())))]);
    }
}
