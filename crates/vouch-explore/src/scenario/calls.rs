//! The steps of API calls.

use super::step_templates::{fault, own, under_way};
use super::{Stage, expect};
use crate::action::{Action, FaultTarget, InjectedFault};
use std::fmt::Write;

pub(super) fn steps(out: &mut String, number: usize, stage: &Stage) {
    let (action, own) = (stage.action, own(stage));
    let call = format!("GET /v2/user/${}.id", own.name());
    let on_hold =
        |on: &str, name: &str| under_way(on, "holdResponse", &format!("request: {call}"), &format!("{name}{number}"));
    match action {
        Action::CallTeam => {
            out.push_str("  - request: GET /v2/user\n");
            expect(out, stage);
        }
        Action::CrashInCall(write) => {
            let _ = writeln!(out, "  - expire: accessToken\n  - crash: {{step: {{request: {call}}}, write: {write}}}");
            expect(out, stage);
            out.push_str("  - kill\n  - launch\n");
        }
        Action::CallOther => {
            let _ = writeln!(out, "  - request: GET /v2/user/${}.id", own.other().name());
            expect(out, stage);
        }
        Action::Call | Action::CallSummary => {
            let (what, own) = (if action == Action::Call { "user" } else { "summary/sleep" }, own.name());
            let _ = writeln!(out, "  - request: {{call: GET /v2/{what}/${own}.id, body: {{user_id: ${own}.id}}}}");
            expect(out, stage);
        }
        Action::CallWithFault(on, how) => {
            if on == FaultTarget::Refresh {
                out.push_str("  - expire: accessToken\n");
            }
            out.push_str(&fault(if on == FaultTarget::Refresh { "refresh" } else { "api" }, how));
            let _ = writeln!(out, "  - request: {call}");
            expect(out, stage);
            if let (FaultTarget::Api, InjectedFault::RetryAfter(_, seconds)) = (on, how) {
                let _ = writeln!(out, "    sent: {{api: {{minGapSeconds: {seconds}}}}}");
            }
            out.push_str("  - clearFaults\n");
            if let Some(wait) = how.long_wait() {
                let _ = writeln!(out, "  - request: {call}");
                expect(out, stage);
                let _ = writeln!(out, "  - advance: {{by: {}s}}", wait.as_secs());
            }
        }
        Action::ParallelCallsRefused => {
            let _ = writeln!(out, "  - refuseAccessTokens: {}", own.name());
            out.push_str(&on_hold("refresh", "a"));
            let _ = writeln!(
                out,
                "  - start: {{step: {{request: {call}}}, as: b{number}}}\n  \
                 - start: {{step: {{request: {call}}}, as: c{number}}}\n  - pause: {{milliseconds: 100}}\n  - release"
            );
            for name in ["a", "b", "c"] {
                let _ = writeln!(out, "  - await: {name}{number}");
                expect(out, stage);
                if name == "a" {
                    out.push_str("    sent: {refresh: 1}\n");
                }
            }
        }
        Action::ParallelCalls => {
            let _ = writeln!(out, "  - expire: accessToken\n  - parallel:\n      steps:\n        - request: {call}");
            let mut line = String::new();
            expect(&mut line, stage);
            let line = line.replace("invalidUser", "invalidUser, notSignedIn");
            let _ = writeln!(out, "      {line}      times: 4");
        }
        Action::LateRefusal => {
            let _ = writeln!(out, "  - refuseAccessTokens: {}", own.name());
            out.push_str(&on_hold("api", "c"));
            let _ = writeln!(out, "  - request: {call}");
            expect(out, stage);
            let _ = writeln!(out, "  - release\n  - await: c{number}");
            expect(out, stage);
            out.push_str("    sent: {refresh: {atMost: 1}}\n");
        }
        Action::DeletedWhileWaiting => {
            // Refused by the API, and not before it, before the answer to the refresh comes: from here on the second waits.
            let _ = writeln!(out, "  - request: {call}\n    expect: 200\n  - deleteUser: {}", own.name());
            out.push_str(&on_hold("refresh", "a"));
            let _ = writeln!(
                out,
                "  - start: {{step: {{request: {call}}}, as: b{number}, until: api}}\n  - pause: {{milliseconds: 300}}\n  \
                 - release"
            );
            for name in ["a", "b"] {
                let _ = writeln!(out, "  - await: {name}{number}");
                expect(out, stage);
            }
        }
        Action::CallTwice => {
            let _ = writeln!(out, "  - request: {call}");
            expect(out, stage);
            let _ = writeln!(out, "  - request: {call}");
            expect(out, stage);
            out.push_str("    sent: {refresh: 0}\n");
        }
        Action::LockedCall => {
            let _ = writeln!(
                out,
                "  - expire: accessToken\n  - lockStorage\n  - request: {call}\n    \
                 expect: [storage, network, 200]\n  - unlockStorage\n  - request: {call}"
            );
            expect(out, stage);
            out.push_str("  - kill\n  - launch\n");
        }
        Action::SignOutDuringCalls => {
            out.push_str("  - expire: accessToken\n");
            out.push_str(&on_hold("refresh", "c"));
            let _ = writeln!(out, "  - signOut:\n  - release\n  - await: c{number}");
            expect(out, stage);
        }
        _ => {}
    }
}
