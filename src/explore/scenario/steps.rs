//! The steps of an act.

use super::{Script, Stage, asides, checks, expect};
use crate::explore::act::{Act, Forged, On, Parting, Person, Place, Strike};
use crate::explore::state::{Installed, State};
use crate::protocol::Realm;
use std::fmt::Write;

/// How a sign-in may end while another goes on.
const NO: &str = "[ok, alreadySignedIn, invalidSignInToken, incompatible]";

fn strike(on: &str, strike: Strike) -> String {
    match strike {
        Strike::LoseRequest => format!("  - fault: {{on: {on}, harm: loseRequest, times: 1}}\n"),
        Strike::LoseResponse => format!("  - fault: {{on: {on}, harm: loseResponse, times: 1}}\n"),
        Strike::Status(status) => format!("  - fault: {{on: {on}, harm: status, status: {status}, times: 1}}\n"),
        Strike::Busy(status, seconds) => {
            format!("  - fault: {{on: {on}, harm: status, status: {status}, retryAfter: {seconds}, times: 1}}\n")
        }
        Strike::Lasting(status) => format!("  - fault: {{on: {on}, harm: status, status: {status}}}\n"),
        Strike::WrongTypes => format!("  - fault: {{on: {on}, harm: wrongTypes, times: 1}}\n"),
        Strike::Garbage => format!("  - fault: {{on: {on}, harm: htmlBody, times: 1}}\n"),
    }
}

/// A step that is begun, and comes no further than an exchange whose request or response is held.
fn under_way(on: &str, harm: &str, step: &str, name: &str) -> String {
    format!(
        "  - fault: {{on: {on}, harm: {harm}, times: 1}}\n  - begin: {{step: {{{step}}}, as: {name}, until: {on}}}\n"
    )
}

/// What the app did before the device lost its network.
fn while_online(online: bool, steps: &str) -> String {
    if online { steps.to_owned() } else { format!("  - network: up\n{steps}  - network: down\n") }
}

/// The steps of one stage. So many newcomers have come by its end.
pub(super) fn steps(out: &mut String, number: usize, stage: &Stage, script: &Script, newcomers: usize) {
    match stage.act {
        Act::SignIn(..)
        | Act::SignInStruck(..)
        | Act::SignInForged(_)
        | Act::SignInLate(_)
        | Act::SignInBoth
        | Act::SignInSignOut(_)
        | Act::SignInWatched(_)
        | Act::CrashInSignIn(..) => sign_ins(out, number, stage, script),
        Act::Call
        | Act::CallSummary
        | Act::CallOther
        | Act::CallTeam
        | Act::CallStruck(..)
        | Act::Crowd
        | Act::CrowdSignOut
        | Act::CrowdRefused
        | Act::LateRefusal
        | Act::CallTwice
        | Act::LockedCall
        | Act::CrashInCall(_) => calls(out, number, stage),
        Act::Client(_) if stage.idle => {}
        Act::Client(what) => asides::client(out, what, number, script.home),
        Act::Backend(ask) => {
            let mut asked = String::new();
            asides::backend(&mut asked, ask, number, stage, newcomers);
            out.push_str(&while_online(is_online(stage), &asked));
        }
        Act::NextUser(next, parting) => next_user(out, number, stage, next, parting),
        _ => others(out, stage, script.home),
    }
}

fn is_online(stage: &Stage) -> bool {
    stage.before.iter().all(|state| state.online)
}

/// Whoever is signed in.
fn own(stage: &Stage) -> Person {
    stage.before.iter().find_map(State::user).unwrap_or(Person::Ada)
}

fn sign_ins(out: &mut String, number: usize, stage: &Stage, script: &Script) {
    let (home, habits) = (script.home, script.habits);
    let safe = if habits.url_safe_characters { ", urlSafeCharacters: true" } else { "" };
    let capital = if habits.capital_user_id { ", capitalUserId: true" } else { "" };
    let issue = |who: Person, place: &str| {
        let token = format!("  - issueToken: {{user: {}{place}{safe}{capital}, as: t{number}}}\n", who.name());
        while_online(is_online(stage), &token)
    };
    let (exchange, name) = (format!("signIn: $t{number}"), format!("c{number}"));
    let sign_in = format!("  - {exchange}\n");
    match stage.act {
        Act::SignIn(who, place) => {
            out.push_str(&issue(who, &elsewhere(place, home)));
            out.push_str(&sign_in);
            expect(out, stage);
        }
        Act::SignInStruck(who, how) => {
            out.push_str(&strike("exchange", how));
            out.push_str(&issue(who, ""));
            out.push_str(&sign_in);
            expect(out, stage);
            if let Strike::Busy(_, seconds) = how {
                let _ = writeln!(out, "    sent: {{exchange: {{minGapSeconds: {seconds}}}}}");
            }
            out.push_str("  - clearFaults\n");
        }
        Act::SignInForged(how) => {
            let how = match how {
                Forged::NotBase64 => "notBase64",
                Forged::AlgorithmNone => "algorithmNone",
                Forged::AlgorithmHs256 => "algorithmHs256",
                Forged::AlgorithmEs256 => "algorithmEs256",
                Forged::ForeignIssuer => "foreignIssuer",
                Forged::LookalikeIssuer => "lookalikeIssuer",
                Forged::NoUser => "noUser",
                Forged::BadSignature => "badSignature",
            };
            out.push_str(&issue(Person::Ada, ""));
            let _ = writeln!(
                out,
                "  - forgeToken: {{from: $t{number}, how: {how}, as: f{number}}}\n  - signIn: $f{number}"
            );
            expect(out, stage);
            if how != "badSignature" {
                out.push_str("    sent: nothing\n");
            }
        }
        Act::SignInLate(who) => {
            out.push_str(&issue(who, ""));
            out.push_str("  - expire: signInToken\n");
            out.push_str(&sign_in);
            expect(out, stage);
        }
        Act::SignInBoth => {
            let _ = writeln!(
                out,
                "  - issueToken: {{user: ada, as: a{number}}}\n  - issueToken: {{user: bob, as: b{number}}}\n  \
                 - together:\n      wins: 1\n      steps:\n        - signIn: $a{number}\n          expect: {NO}\n        \
                 - signIn: $b{number}\n          expect: {NO}"
            );
            // Who wins is a race. What follows is about the winner of the walk, so that is who is signed in then.
            if let [State { installed: Installed::Token { who, .. }, .. }] = stage.after[..] {
                let who = who.name();
                let _ = writeln!(
                    out,
                    "  - signOut\n  - issueToken: {{user: {who}, as: c{number}}}\n  - signIn: $c{number}"
                );
            }
        }
        Act::SignInSignOut(who) => {
            out.push_str(&issue(who, ""));
            out.push_str(&under_way("exchange", "holdResponse", &exchange, &name));
            let _ = writeln!(
                out,
                "  - begin: {{step: {{signOut: {{}}}}, as: o{number}}}\n  - pause: {{milliseconds: 30}}\n  - release\n  \
                 - finish: o{number}\n  - finish: {name}"
            );
            expect(out, stage);
        }
        Act::SignInWatched(who) => {
            out.push_str(&issue(who, ""));
            out.push_str(&under_way("exchange", "holdRequest", &exchange, &name));
            checks(out, &stage.before);
            let _ = writeln!(out, "  - release\n  - finish: {name}");
            expect(out, stage);
        }
        Act::CrashInSignIn(who, write) => {
            out.push_str(&issue(who, ""));
            let _ = writeln!(out, "  - crash: {{step: {{signIn: $t{number}}}, write: {write}}}");
            expect(out, stage);
            out.push_str("  - kill\n  - launch\n");
        }
        _ => {}
    }
}

fn calls(out: &mut String, number: usize, stage: &Stage) {
    let (act, own) = (stage.act, own(stage));
    let call = format!("GET /v2/user/${}.id", own.name());
    let held =
        |on: &str, name: &str| under_way(on, "holdResponse", &format!("request: {call}"), &format!("{name}{number}"));
    match act {
        Act::CallTeam => {
            out.push_str("  - request: GET /v2/user\n");
            expect(out, stage);
        }
        Act::CrashInCall(write) => {
            let _ = writeln!(out, "  - expire: accessToken\n  - crash: {{step: {{request: {call}}}, write: {write}}}");
            expect(out, stage);
            out.push_str("  - kill\n  - launch\n");
        }
        Act::CallOther => {
            let _ = writeln!(out, "  - request: GET /v2/user/${}.id", own.other().name());
            expect(out, stage);
        }
        Act::Call | Act::CallSummary => {
            let (what, own) = (if act == Act::Call { "user" } else { "summary/sleep" }, own.name());
            let _ = writeln!(out, "  - request: {{call: GET /v2/{what}/${own}.id, body: {{user_id: ${own}.id}}}}");
            expect(out, stage);
        }
        Act::CallStruck(on, how) => {
            if on == On::Refresh {
                out.push_str("  - expire: accessToken\n");
            }
            out.push_str(&strike(if on == On::Refresh { "refresh" } else { "api" }, how));
            let _ = writeln!(out, "  - request: {call}");
            expect(out, stage);
            if let (On::Api, Strike::Busy(_, seconds)) = (on, how) {
                let _ = writeln!(out, "    sent: {{api: {{minGapSeconds: {seconds}}}}}");
            }
            out.push_str("  - clearFaults\n");
            if let Some(wait) = how.long_wait() {
                let _ = writeln!(out, "  - request: {call}");
                expect(out, stage);
                let _ = writeln!(out, "  - advance: {{by: {}s}}", wait.as_secs());
            }
        }
        Act::CrowdRefused => {
            let _ = writeln!(out, "  - refuseAccessTokens: {}", own.name());
            out.push_str(&held("refresh", "a"));
            let _ = writeln!(
                out,
                "  - begin: {{step: {{request: {call}}}, as: b{number}}}\n  \
                 - begin: {{step: {{request: {call}}}, as: c{number}}}\n  - pause: {{milliseconds: 100}}\n  - release"
            );
            for name in ["a", "b", "c"] {
                let _ = writeln!(out, "  - finish: {name}{number}");
                expect(out, stage);
                if name == "a" {
                    out.push_str("    sent: {refresh: 1}\n");
                }
            }
        }
        Act::Crowd => {
            let _ = writeln!(out, "  - expire: accessToken\n  - together:\n      steps:\n        - request: {call}");
            let mut line = String::new();
            expect(&mut line, stage);
            let line = line.replace("invalidUser", "invalidUser, notSignedIn");
            let _ = writeln!(out, "      {line}      times: 4");
        }
        Act::LateRefusal => {
            let _ = writeln!(out, "  - refuseAccessTokens: {}", own.name());
            out.push_str(&held("api", "c"));
            let _ = writeln!(out, "  - request: {call}");
            expect(out, stage);
            let _ = writeln!(out, "  - release\n  - finish: c{number}");
            expect(out, stage);
            out.push_str("    sent: {refresh: {atMost: 1}}\n");
        }
        Act::CallTwice => {
            let _ = writeln!(out, "  - request: {call}");
            expect(out, stage);
            let _ = writeln!(out, "  - request: {call}");
            expect(out, stage);
            out.push_str("    sent: {refresh: 0}\n");
        }
        Act::LockedCall => {
            let _ = writeln!(
                out,
                "  - expire: accessToken\n  - lockStorage\n  - request: {call}\n    \
                 expect: [storage, network, 200]\n  - unlockStorage\n  - request: {call}"
            );
            expect(out, stage);
            out.push_str("  - kill\n  - launch\n");
        }
        Act::CrowdSignOut => {
            out.push_str("  - expire: accessToken\n");
            out.push_str(&held("refresh", "c"));
            let _ = writeln!(out, "  - signOut:\n  - release\n  - finish: c{number}");
            expect(out, stage);
        }
        _ => {}
    }
}

fn next_user(out: &mut String, number: usize, stage: &Stage, next: Person, parting: Parting) {
    let (own, next) = (own(stage).name(), next.name());
    let held =
        |on: &str| under_way(on, "holdResponse", &format!("request: GET /v2/user/${own}.id"), &format!("c{number}"));
    let last = match parting {
        Parting::Refreshing => held("refresh"),
        Parting::Refused => held("api"),
        Parting::ToldToWait => format!(
            "  - fault: {{on: refresh, harm: status, status: 429, retryAfter: 86400, times: 1}}\n  \
             - request: GET /v2/user/${own}.id\n    expect: network\n"
        ),
    };
    let _ = writeln!(
        out,
        "  - refuseAccessTokens: {own}\n{last}  - signOut\n  - issueToken: {{user: {next}, as: t{number}}}\n  \
         - signIn: $t{number}"
    );
    // An answer to the last user's own call may still reach who made it.
    let may_be = if parting == Parting::Refused { ", unauthorized, 401, 200" } else { "" };
    let end = format!("  - release\n  - finish: c{number}\n    expect: [notSignedIn, cancelled, network{may_be}]\n");
    match parting {
        Parting::Refused => out.push_str(&end),
        _ => {
            let _ = writeln!(out, "  - refuseAccessTokens: {next}");
        }
    }
    let _ = writeln!(out, "  - request: GET /v2/user/${next}.id");
    expect(out, stage);
    if parting == Parting::Refreshing {
        out.push_str(&end);
    }
}

/// What happens to SDK, app, device and users.
fn others(out: &mut String, stage: &Stage, home: Realm) {
    let (act, own) = (stage.act, own(stage));
    match act {
        Act::UseForeignKey(place) => {
            let _ = writeln!(out, "  - configure: {{{}}}", elsewhere(place, home).trim_start_matches(", "));
            expect(out, stage);
        }
        Act::UserWithoutKey => {
            out.push_str("  - setUserId: $ada.id\n");
            expect(out, stage);
        }
        Act::LockedLaunch => out.push_str("  - lockStorage\n  - relaunch\n  - unlockStorage\n"),
        Act::LockedSignOut => {
            out.push_str("  - lockStorage\n  - signOut:\n    expect: [ok, storage]\n  - unlockStorage\n  - signOut\n");
        }
        Act::CrashInSignOut(write) => {
            let _ = writeln!(out, "  - crash: {{step: signOut, write: {write}}}");
            expect(out, stage);
            out.push_str("  - kill\n  - launch\n");
        }
        Act::Identify(who) => {
            let _ = writeln!(out, "  - identify: {}", who.name());
            expect(out, stage);
        }
        Act::UseKey(who) => {
            let _ = writeln!(out, "  - configure\n  - setUserId: ${}.id", who.name());
        }
        Act::SetUser(who) => {
            let _ = writeln!(out, "  - setUserId: ${}.id", who.name());
            expect(out, stage);
        }
        Act::Reconcile => {
            let idle = if stage.before.iter().all(|state| state.asks_for_nothing(act)) {
                " {signIns: 0, signOuts: 0}"
            } else {
                ""
            };
            let _ = writeln!(out, "  - reconcile:{idle}");
            expect(out, stage);
        }
        Act::Refresh => {
            out.push_str("  - refresh:\n");
            expect(out, stage);
        }
        Act::SignOut => out.push_str("  - signOut\n"),
        Act::Relaunch => out.push_str("  - relaunch\n"),
        Act::Kill => out.push_str("  - kill\n  - launch\n"),
        Act::Reboot => out.push_str("  - reboot\n"),
        Act::Reinstall => out.push_str("  - reinstall: {keeps: secure}\n"),
        Act::Offline => out.push_str("  - network: down\n"),
        Act::Online => out.push_str("  - network: up\n"),
        Act::Hour => out.push_str("  - expire: accessToken\n"),
        Act::Days => out.push_str("  - advance: {by: 3days}\n"),
        Act::Delete(who) => out.push_str(&format!("  - deleteUser: {}\n", who.name())),
        Act::Undo(who) => out.push_str(&format!("  - undoDelete: {}\n", who.name())),
        Act::Revoke => out.push_str(&format!("  - revoke: {}\n", own.name())),
        Act::RefuseAccessTokens => out.push_str(&format!("  - refuseAccessTokens: {}\n", own.name())),
        Act::AppUser(who) => out.push_str(&format!("  - app: {}\n", who.map_or("nobody", Person::name))),
        _ => {}
    }
}

pub(super) fn elsewhere(place: Place, home: Realm) -> String {
    match place {
        Place::Home => String::new(),
        Place::OtherRegion => format!(", region: {}", place.seen_from(home).region),
        Place::OtherEnvironment => format!(", environment: {}", place.seen_from(home).environment),
    }
}
