//! The steps of sign-ins.

use super::step_templates::{elsewhere, fault, is_online, under_way, while_online};
use super::{Stage, WalkScenario, checks, expect};
use crate::action::{Action, Forged, InjectedFault, Person};
use crate::state::{Installed, State};
use std::fmt::Write;

/// How a sign-in may end while another goes on.
const NO: &str = "[ok, alreadySignedIn, invalidSignInToken, incompatible]";

pub(super) fn steps(out: &mut String, number: usize, stage: &Stage, script: &WalkScenario) {
    let (home, conditions) = (script.home, script.conditions);
    let safe = if conditions.url_safe_characters { ", urlSafeCharacters: true" } else { "" };
    let other_case = matches!(stage.action, Action::SignInOtherCase(_));
    let capital = if conditions.capital_user_id != other_case { ", capitalUserId: true" } else { "" };
    let issue = |person: Person, place: &str| {
        let token = format!("  - issueToken: {{user: {}{place}{safe}{capital}, as: t{number}}}\n", person.name());
        while_online(is_online(stage), &token)
    };
    let (exchange, name) = (format!("signIn: $t{number}"), format!("c{number}"));
    let sign_in = format!("  - {exchange}\n");
    match stage.action {
        Action::SignIn(person, place) => {
            out.push_str(&issue(person, &elsewhere(place, home)));
            out.push_str(&sign_in);
            expect(out, stage);
        }
        Action::SignInWithFault(person, how) => {
            out.push_str(&fault("exchange", how));
            out.push_str(&issue(person, ""));
            out.push_str(&sign_in);
            expect(out, stage);
            if let InjectedFault::RetryAfter(_, seconds) = how {
                let _ = writeln!(out, "    sent: {{exchange: {{minGapSeconds: {seconds}}}}}");
            }
            out.push_str("  - clearFaults\n");
        }
        Action::SignInForged(how) => {
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
        Action::SignInOtherCase(person) => {
            out.push_str(&issue(person, ""));
            out.push_str(&sign_in);
            expect(out, stage);
        }
        Action::SignInElsewhere(person, place) => {
            out.push_str(&issue(person, &elsewhere(place, home)));
            let _ = writeln!(out, "{sign_in}  - request: GET /v2/user/${}.id", person.name());
            expect(out, stage);
            out.push_str("  - signOut\n");
        }
        Action::SignInExpiredToken(person) => {
            out.push_str(&issue(person, ""));
            out.push_str("  - expire: signInToken\n");
            out.push_str(&sign_in);
            expect(out, stage);
        }
        Action::ParallelSignIns => {
            let _ = writeln!(
                out,
                "  - issueToken: {{user: ada, as: a{number}}}\n  - issueToken: {{user: bob, as: b{number}}}\n  \
                 - parallel:\n      successes: 1\n      steps:\n        - signIn: $a{number}\n          expect: {NO}\n        \
                 - signIn: $b{number}\n          expect: {NO}"
            );
            // Who wins is a race. What follows is about the winner of the walk, so that is who is signed in then.
            if let [State { installed: Installed::Token { person, .. }, .. }] = stage.after[..] {
                let person = person.name();
                let _ = writeln!(
                    out,
                    "  - signOut\n  - issueToken: {{user: {person}, as: c{number}}}\n  - signIn: $c{number}"
                );
            }
        }
        Action::SignOutDuringSignIn(person) => {
            out.push_str(&issue(person, ""));
            out.push_str(&under_way("exchange", "holdResponse", &exchange, &name));
            let _ = writeln!(
                out,
                "  - start: {{step: {{signOut: {{}}}}, as: o{number}}}\n  - pause: {{milliseconds: 30}}\n  - release\n  \
                 - await: o{number}\n  - await: {name}"
            );
            expect(out, stage);
        }
        Action::SignInCheckedMidway(person) => {
            out.push_str(&issue(person, ""));
            out.push_str(&under_way("exchange", "holdRequest", &exchange, &name));
            checks(out, &stage.before);
            let _ = writeln!(out, "  - release\n  - await: {name}");
            expect(out, stage);
        }
        Action::CrashInSignIn(person, write) => {
            out.push_str(&issue(person, ""));
            let _ = writeln!(out, "  - crash: {{step: {{signIn: $t{number}}}, write: {write}}}");
            expect(out, stage);
            out.push_str("  - kill\n  - launch\n");
        }
        _ => {}
    }
}
