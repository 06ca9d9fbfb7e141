//! The steps of an action.

use super::step_templates::{elsewhere, is_online, own, under_way, while_online};
use super::{Stage, WalkScenario, calls, expect, non_sdk_steps, sign_ins};
use crate::action::{Action, LastCall, Person};
use std::fmt::Write;
use vouch_spec::protocol::Realm;
use vouch_spec::protocol::message::Area;

/// The steps of one stage. So many newcomers have come by its end.
pub(super) fn steps(out: &mut String, number: usize, stage: &Stage, script: &WalkScenario, newcomers: usize) {
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
        | Action::CrashInSignIn(..) => sign_ins::steps(out, number, stage, script),
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
        | Action::CrashInCall(_) => calls::steps(out, number, stage),
        Action::Client(_) if stage.idle => {}
        Action::Client(what) => non_sdk_steps::client(out, what, number, script.home),
        Action::Backend(ask) => {
            let mut backend = String::new();
            non_sdk_steps::backend(&mut backend, ask, number, stage, newcomers);
            out.push_str(&while_online(is_online(stage), &backend));
        }
        Action::NextUser(next, last_call) => next_user(out, number, stage, next, last_call),
        _ => others(out, stage, script.home),
    }
}

fn next_user(out: &mut String, number: usize, stage: &Stage, next: Person, last_call: LastCall) {
    let (own, next) = (own(stage).name(), next.name());
    let on_hold =
        |on: &str| under_way(on, "holdResponse", &format!("request: GET /v2/user/${own}.id"), &format!("c{number}"));
    let last = match last_call {
        LastCall::Refreshing => on_hold("refresh"),
        LastCall::Refused => on_hold("api"),
        LastCall::Deleted => format!("  - deleteUser: {own}\n{}", on_hold("refresh")),
        LastCall::RetryTomorrow => format!(
            "  - fault: {{on: refresh, kind: status, status: 429, retryAfter: 86400, times: 1}}\n  \
             - request: GET /v2/user/${own}.id\n    expect: network\n"
        ),
    };
    let _ = writeln!(
        out,
        "  - refuseAccessTokens: {own}\n{last}  - signOut\n  - issueToken: {{user: {next}, as: t{number}}}\n  \
         - signIn: $t{number}"
    );
    // An answer to the last user's own call may still reach who made it.
    let may_be = match last_call {
        LastCall::Refused => ", unauthorized, 401, 200",
        LastCall::Deleted => ", invalidUser",
        LastCall::Refreshing | LastCall::RetryTomorrow => "",
    };
    let end = format!("  - release\n  - await: c{number}\n    expect: [notSignedIn, cancelled, network{may_be}]\n");
    match last_call {
        LastCall::Refused | LastCall::Deleted => out.push_str(&end),
        LastCall::Refreshing | LastCall::RetryTomorrow => {
            let _ = writeln!(out, "  - refuseAccessTokens: {next}");
        }
    }
    let _ = writeln!(out, "  - request: GET /v2/user/${next}.id");
    expect(out, stage);
    if last_call == LastCall::Refreshing {
        out.push_str(&end);
    }
}

/// What happens to SDK, app, device and users.
fn others(out: &mut String, stage: &Stage, home: Realm) {
    let (action, own) = (stage.action, own(stage));
    match action {
        Action::UseForeignKey(place) => {
            let _ = writeln!(out, "  - configure: {{{}}}", elsewhere(place, home).trim_start_matches(", "));
            expect(out, stage);
        }
        Action::SetUserWithoutKey => {
            out.push_str("  - setUserId: $ada.id\n");
            expect(out, stage);
        }
        Action::LockedLaunch => out.push_str("  - lockStorage\n  - relaunch\n  - unlockStorage\n"),
        Action::LockedSignOut => {
            out.push_str("  - lockStorage\n  - signOut:\n    expect: [ok, storage]\n  - unlockStorage\n  - signOut\n");
        }
        Action::CrashInSignOut(write) => {
            let _ = writeln!(out, "  - crash: {{step: signOut, write: {write}}}");
            expect(out, stage);
            out.push_str("  - kill\n  - launch\n");
        }
        Action::Identify(person) => {
            let _ = writeln!(out, "  - identify: {}", person.name());
            expect(out, stage);
        }
        Action::UseKey(person) => {
            let _ = writeln!(out, "  - configure\n  - setUserId: ${}.id", person.name());
        }
        Action::SetUser(person) => {
            let _ = writeln!(out, "  - setUserId: ${}.id", person.name());
            expect(out, stage);
        }
        Action::Reconcile => {
            let idle = if stage.before.iter().all(|state| state.must_change_nothing(action)) {
                " {signIns: 0, signOuts: 0}"
            } else {
                ""
            };
            let _ = writeln!(out, "  - reconcile:{idle}");
            expect(out, stage);
        }
        Action::Refresh => {
            out.push_str("  - refresh:\n");
            expect(out, stage);
        }
        Action::SignOut => out.push_str("  - signOut\n"),
        Action::Relaunch => out.push_str("  - relaunch\n"),
        Action::Kill => out.push_str("  - kill\n  - launch\n"),
        Action::CorruptStorage(area) => {
            let _ = writeln!(out, "  - kill\n  - corruptStorage: {{how: garbage, area: {}}}\n  - launch", area.word());
            out.push_str(if area == Area::Secure { "  - status: []\n" } else { "  - status\n" });
            out.push_str("  - signOut\n");
        }
        Action::Reboot => out.push_str("  - reboot\n"),
        Action::Reinstall => out.push_str("  - reinstall: {keeps: secure}\n"),
        Action::Offline => out.push_str("  - network: down\n"),
        Action::Online => out.push_str("  - network: up\n"),
        Action::ExpireAccessToken => out.push_str("  - expire: accessToken\n"),
        Action::AdvanceDays => out.push_str("  - advance: {by: 3days}\n"),
        Action::Delete(person) => out.push_str(&format!("  - deleteUser: {}\n", person.name())),
        Action::UndoDelete(person) => out.push_str(&format!("  - undoDelete: {}\n", person.name())),
        Action::Revoke => out.push_str(&format!("  - revoke: {}\n", own.name())),
        Action::RefuseAccessTokens => out.push_str(&format!("  - refuseAccessTokens: {}\n", own.name())),
        Action::AppUser(person) => out.push_str(&format!("  - app: {}\n", person.map_or("nobody", Person::name))),
        _ => {}
    }
}
