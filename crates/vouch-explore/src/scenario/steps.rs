//! The steps of an action.

use super::step_templates::{
    await_call, elsewhere, expire_access_token, is_online, issue_token, kill_and_launch, network, own,
    refuse_access_tokens, release, request_of, sign_in, sign_out, start_held, status_once, text, while_online,
};
use super::{Stage, WalkScenario, calls, device, expected, non_sdk_steps, sign_ins};
use crate::action::{Action, LastCall, Person};
use vouch_spec::operation::Operation;
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{ErrorKind, Realm};
use vouch_spec::step::{
    Advance, AppUser, Configure, CorruptStorage, Corruption, Crash, DeleteUser, Fault, FaultKind, Identify, Keeps,
    Kill, Launch, LockStorage, NO_USER, NetworkState, Outcome, Outcomes, Reboot, Reconcile, Refresh, Reinstall,
    Relaunch, Revoke, ScenarioStep, SetUserId, Status, UndoDelete, UnlockStorage,
};

/// The steps of one stage. `new_users` have been created by its end.
pub(super) fn steps(number: usize, stage: &Stage, script: &WalkScenario, new_users: usize) -> Vec<ScenarioStep> {
    match stage.action {
        Action::SignIn(..)
        | Action::SignInWithFault(..)
        | Action::SignInForged(_)
        | Action::SignInExpiredToken(_)
        | Action::SignInOtherCase(_)
        | Action::SignInElsewhere(..)
        | Action::ParallelSignIns
        | Action::SignOutDuringSignIn(_)
        | Action::SignInCheckedMidway(_)
        | Action::CrashInSignIn(..) => sign_ins::steps(number, stage, script),
        Action::Call
        | Action::CallSummary
        | Action::CallOther
        | Action::CallTeam
        | Action::CallWithFault(..)
        | Action::ParallelCalls
        | Action::SignOutDuringCalls
        | Action::ParallelCallsRefused
        | Action::LateRefusal
        | Action::DeletedWhileWaiting
        | Action::CallTwice
        | Action::LockedCall
        | Action::CrashInCall(_) => calls::steps(number, stage),
        Action::Client(_) if stage.idle => vec![],
        Action::Client(request) => non_sdk_steps::client(request, number, script.home),
        Action::Backend(request) => {
            while_online(is_online(stage), non_sdk_steps::backend(request, number, stage, new_users))
        }
        Action::UpdatedSignIn(_)
        | Action::UpdatedKey(_)
        | Action::CrashInUpdate(..)
        | Action::Restore(_)
        | Action::SecondProcessCall
        | Action::SecondProcessSignOut
        | Action::SecondProcessSignIn(_)
        | Action::WokenAndKilled
        | Action::WokenWhileLocked
        | Action::OpenedAfterWake => device::steps(number, stage),
        Action::NextUser(next, last_call) => next_user(number, stage, next, last_call),
        _ => others(stage, script.home),
    }
}

fn next_user(number: usize, stage: &Stage, next: Person, last_call: LastCall) -> Vec<ScenarioStep> {
    let (own, token, name) = (own(stage), format!("t{number}"), format!("c{number}"));
    let held = |on| start_held(on, FaultKind::HoldResponse, request_of(own), &name);
    let refused = Outcome::Refused;
    let mut steps = vec![refuse_access_tokens(own)];
    match last_call {
        LastCall::Refreshing => steps.extend(held(Operation::Refresh)),
        LastCall::Refused => steps.extend(held(Operation::Api)),
        LastCall::Deleted => {
            steps.push(ScenarioStep::new(DeleteUser { user: own.name().into(), any_refusal: false }));
            steps.extend(held(Operation::Refresh));
        }
        LastCall::RetryTomorrow => {
            let fault = Fault { retry_after: Some(86400), ..status_once(Operation::Refresh, 429) };
            let call = request_of(own).expect(Outcomes::of([refused(ErrorKind::Network)]));
            steps.extend([ScenarioStep::new(fault), call]);
        }
    }
    steps.extend([sign_out(), ScenarioStep::new(issue_token(next, &token)), sign_in(&token)]);
    // A response to the last user's own call may still reach its caller.
    let also: &[Outcome] = match last_call {
        LastCall::Refused => &[refused(ErrorKind::Unauthorized), Outcome::Http(401), Outcome::Http(200)],
        LastCall::Deleted => &[refused(ErrorKind::InvalidUser)],
        LastCall::Refreshing | LastCall::RetryTomorrow => &[],
    };
    let ended = [ErrorKind::NotSignedIn, ErrorKind::Cancelled, ErrorKind::Network].map(refused);
    let end = [release(), await_call(&name).expect(Outcomes::of(ended.into_iter().chain(also.iter().copied())))];
    let call = request_of(next).expect(expected(stage));
    match last_call {
        LastCall::Refused | LastCall::Deleted => {
            steps.extend(end);
            steps.push(call);
        }
        LastCall::RetryTomorrow => steps.extend([refuse_access_tokens(next), call]),
        LastCall::Refreshing => {
            steps.extend([refuse_access_tokens(next), call]);
            steps.extend(end);
        }
    }
    steps
}

/// What happens to SDK, app, device and users.
fn others(stage: &Stage, home: Realm) -> Vec<ScenarioStep> {
    let (action, own) = (stage.action, own(stage));
    let lock = || ScenarioStep::new(LockStorage {});
    let unlock = || ScenarioStep::new(UnlockStorage {});
    let set_user = |person: Person| ScenarioStep::new(SetUserId { user_id: text(format!("${}.id", person.name())) });
    match action {
        Action::UseForeignKey(place) => {
            let (environment, region) = elsewhere(place, home);
            vec![ScenarioStep::new(Configure { api_key: None, environment, region }).expect(expected(stage))]
        }
        Action::SetUserWithoutKey => vec![set_user(Person::Ada).expect(expected(stage))],
        Action::LockedLaunch => vec![lock(), ScenarioStep::new(Relaunch {}), unlock()],
        Action::LockedSignOut => {
            let locked = sign_out().expect(Outcomes::of([Outcome::Ok, Outcome::Refused(ErrorKind::Storage)]));
            vec![lock(), locked, unlock(), sign_out()]
        }
        Action::CrashInSignOut(write) => {
            let crash = ScenarioStep::new(Crash { step: sign_out(), write: Some(write) });
            [crash.expect(expected(stage))].into_iter().chain(kill_and_launch()).collect()
        }
        Action::Identify(person) => {
            vec![ScenarioStep::new(Identify { user: person.name().into() }).expect(expected(stage))]
        }
        Action::UseKey(person) => {
            let configure = Configure { api_key: None, environment: None, region: None };
            vec![ScenarioStep::new(configure), set_user(person)]
        }
        Action::SetUser(person) => vec![set_user(person).expect(expected(stage))],
        Action::Reconcile => {
            let idle = stage.before.iter().all(|state| state.must_change_nothing(action)).then_some(0);
            vec![ScenarioStep::new(Reconcile { sign_ins: idle, sign_outs: idle }).expect(expected(stage))]
        }
        Action::Refresh => vec![ScenarioStep::new(Refresh {}).expect(expected(stage))],
        Action::SignOut => vec![sign_out()],
        Action::Relaunch => vec![ScenarioStep::new(Relaunch {})],
        Action::Kill => kill_and_launch().into(),
        Action::CorruptStorage(area) => corrupt_storage(area),
        Action::Reboot => vec![ScenarioStep::new(Reboot {})],
        Action::Reinstall => vec![ScenarioStep::new(Reinstall { keeps: Keeps::Secure })],
        Action::Offline => vec![network(NetworkState::Down)],
        Action::Online => vec![network(NetworkState::Up)],
        Action::ExpireAccessToken => vec![expire_access_token()],
        Action::AdvanceDays => vec![ScenarioStep::new(Advance::unused("3days"))],
        Action::Delete(person) => {
            vec![ScenarioStep::new(DeleteUser { user: person.name().into(), any_refusal: false })]
        }
        Action::UndoDelete(person) => vec![ScenarioStep::new(UndoDelete { user: person.name().into() })],
        Action::Revoke => vec![ScenarioStep::new(Revoke { user: own.name().into() })],
        Action::RefuseAccessTokens => vec![refuse_access_tokens(own)],
        Action::AppUser(person) => {
            vec![ScenarioStep::new(AppUser { user: person.map_or(NO_USER, Person::name).into() })]
        }
        _ => vec![],
    }
}

/// Garbage in a storage area while the app does not run, and a sign-out, which must always work.
fn corrupt_storage(area: Area) -> Vec<ScenarioStep> {
    let corrupt = CorruptStorage { how: Corruption::Garbage, area };
    let is = (area == Area::Secure).then(Vec::new);
    vec![
        ScenarioStep::new(Kill {}),
        ScenarioStep::new(corrupt),
        ScenarioStep::new(Launch {}),
        ScenarioStep::new(Status { is, includes: vec![], excludes: vec![] }),
        sign_out(),
    ]
}
