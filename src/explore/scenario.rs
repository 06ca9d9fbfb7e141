//! A walk written down as a scenario file, which `vouch run` replays through the whole stack.

use super::model::{Act, Ask, Forged, On, Person, Place, Seen, State, Strike, Try};
use super::walk::{Walked, words};
use crate::profile::NumberForm;
use crate::protocol::{Environment, Realm, Region};
use std::fmt::Write;

/// The scenario of a failing walk. `seed` is what found it.
pub fn write(walked: &Walked, seed: u64) -> String {
    let Realm { environment, region } = walked.home;
    let clause = walked.mismatch.as_ref().and_then(|m| m.clause).unwrap_or_else(|| clause(walked));
    let told = walked.mismatch.as_ref().map(|m| format!("expected {}, got {}", m.expected, m.got)).unwrap_or_default();
    let mut out = String::new();
    let _ = writeln!(out, "id: explored-{seed}");
    let _ = writeln!(out, "title: A walk that `vouch explore --seed {seed}` found");
    let _ = writeln!(out, "note: {}", serde_json::Value::from(told));
    let _ = writeln!(out, "proves: [{clause}]");
    let _ = writeln!(out, "given:\n  environment: {environment}\n  region: {region}\n  users: [ada, bob]");
    let habits = walked.habits;
    let form = match habits.expires_in {
        None => "",
        Some(NumberForm::Number) => ", expiresIn: number",
        Some(NumberForm::Text) => ", expiresIn: text",
    };
    let _ = writeln!(out, "  cloud: {{refreshTokens: awkward{form}}}");
    if habits.standard {
        out.push_str("  profile: standard\n");
    }
    out.push_str("steps:\n");
    if habits.clock_off_minutes != 0 {
        let _ = writeln!(out, "  - clockOff: {}\n  - relaunch", habits.clock_off_minutes);
    }
    let mut before = State::START;
    for (number, step) in walked.steps.iter().enumerate() {
        let last = number + 1 == walked.steps.len();
        steps(&mut out, number, step.act, &before, walked);
        let branches = before.follow(step.act);
        let all_alike =
            |first: &State| branches.iter().all(|b| b.next.status() == first.status() && b.next.user() == first.user());
        match branches.first().map(|branch| branch.next) {
            _ if !last => checks(&mut out, &step.after),
            Some(next) if all_alike(&next) => checks(&mut out, &next),
            // Several states are right after it; what it answered is all that can be asked.
            _ => {}
        }
        before = step.after;
    }
    out
}

/// The clause that a walk is about where no invariant names one.
fn clause(walked: &Walked) -> &'static str {
    match walked.steps.last().map(|step| step.act) {
        Some(Act::SignIn(_, Place::OtherRegion)) => "MIG-5",
        Some(Act::SignIn(_, Place::OtherEnvironment)) => "MIG-4",
        Some(Act::SignIn(..)) => "EXC-1",
        Some(Act::SignInStruck(..)) => "EXC-4",
        Some(Act::Identify(_)) => "REC-8",
        Some(Act::SignOut) => "OUT-1",
        Some(Act::UseKey(_)) => "KEY-1",
        Some(Act::CallOther) => "SCO-2",
        Some(Act::CallStruck(On::Refresh, _)) => "REF-6",
        Some(Act::CallStruck(On::Api, _)) => "DEL-4",
        Some(Act::Crowd) => "REF-4",
        Some(Act::CrowdSignOut) => "OUT-5",
        Some(Act::Relaunch) => "PER-1",
        Some(Act::Reboot) => "PER-2",
        Some(Act::Kill | Act::CrashInCall(_)) => "PER-3",
        Some(Act::Reinstall) => "PER-7",
        Some(Act::CrashInSignIn(..)) => "EXC-5",
        Some(Act::Reconcile) => "REC-6",
        Some(Act::SignInForged(_)) => "EXC-6",
        Some(Act::SignInLate(_)) => "ISS-5",
        Some(Act::SignInBoth) => "LIF-5",
        Some(Act::UseForeignKey(_)) => "KEY-5",
        Some(Act::UserWithoutKey) => "KEY-3",
        Some(Act::CallTeam) => "SCO-3",
        Some(Act::LockedLaunch) => "PER-6",
        Some(Act::Client(Try::AccessTokenAt(_))) => "SCO-4",
        Some(Act::Client(Try::ExpiredAccessToken)) => "IDP-7",
        Some(Act::Client(Try::SignInTokenAgain)) => "IDP-1",
        Some(Act::Client(Try::OldRefreshToken)) => "IDP-2",
        Some(Act::Client(Try::Garbage)) => "IDP-4",
        Some(Act::Client(Try::Twin) | Act::Backend(Ask::NewcomerCrowd | Ask::Raced(_))) => "ISS-2",
        Some(Act::Backend(Ask::WithoutCredential | Ask::WithGarbage)) => "ISS-1",
        Some(Act::Backend(Ask::NamingInQuery(_) | Ask::NamingInBody(_) | Ask::NamingInHeader(_))) => "ISS-3",
        Some(Act::Backend(Ask::Rightly(_))) => "ISS-8",
        Some(Act::Backend(_)) => "ISS-7",
        _ => "REF-2",
    }
}

fn expect(out: &mut String, act: Act, before: &State) {
    let mut outcomes: Vec<String> = Vec::new();
    for seen in before.follow(act).iter().flat_map(|branch| &branch.seen) {
        let word = match seen {
            Seen::Ok => "ok".to_owned(),
            Seen::Http(status) => status.to_string(),
            Seen::Refused(kind) => kind.word().to_owned(),
            Seen::Killed => "killed".to_owned(),
        };
        if !outcomes.contains(&word) {
            outcomes.push(word);
        }
    }
    let _ = writeln!(out, "    expect: [{}]", outcomes.join(", "));
}

/// What the SDK must say of itself.
fn checks(out: &mut String, after: &State) {
    let status: Vec<_> = after.status().iter().map(|word| word.word()).collect();
    let user = after.user().map_or("none".to_owned(), |who| format!("${}.id", who.name()));
    let _ = writeln!(out, "  - status: [{}]\n  - currentUser: {user}", status.join(", "));
}

fn strike(on: &str, strike: Strike) -> String {
    match strike {
        Strike::LoseRequest => format!("  - fault: {{on: {on}, harm: loseRequest, times: 1}}\n"),
        Strike::LoseResponse => format!("  - fault: {{on: {on}, harm: loseResponse, times: 1}}\n"),
        Strike::Status(status) => format!("  - fault: {{on: {on}, harm: status, status: {status}, times: 1}}\n"),
        Strike::Busy => format!("  - fault: {{on: {on}, harm: status, status: 429, retryAfter: 5, times: 1}}\n"),
        Strike::Lasting(status) => format!("  - fault: {{on: {on}, harm: status, status: {status}}}\n"),
        Strike::WrongTypes => format!("  - fault: {{on: {on}, harm: wrongTypes, times: 1}}\n"),
        Strike::Garbage => format!("  - fault: {{on: {on}, harm: htmlBody, times: 1}}\n"),
    }
}

fn steps(out: &mut String, number: usize, act: Act, before: &State, walked: &Walked) {
    let own = before.user().unwrap_or(Person::Ada);
    let call = format!("GET /v2/user/${}.id", own.name());
    let (home, habits) = (walked.home, walked.habits);
    let safe = if habits.url_safe_characters { ", urlSafeCharacters: true" } else { "" };
    let capital = if habits.capital_user_id { ", capitalUserId: true" } else { "" };
    let issue = |who: Person, place: &str| {
        format!("  - issueToken: {{user: {}{place}{safe}{capital}, as: t{number}}}\n", who.name())
    };
    let sign_in = format!("  - signIn: $t{number}\n");
    match act {
        Act::SignIn(who, place) => {
            out.push_str(&issue(who, &elsewhere(place, home)));
            out.push_str(&sign_in);
            expect(out, act, before);
        }
        Act::SignInStruck(who, how) => {
            out.push_str(&strike("exchange", how));
            out.push_str(&issue(who, ""));
            out.push_str(&sign_in);
            expect(out, act, before);
            out.push_str("  - clearFaults\n");
        }
        Act::SignInForged(how) => {
            let how = match how {
                Forged::NotBase64 => "notBase64",
                Forged::AlgorithmNone => "algorithmNone",
                Forged::AlgorithmHs256 => "algorithmHs256",
                Forged::ForeignIssuer => "foreignIssuer",
                Forged::NoUser => "noUser",
                Forged::BadSignature => "badSignature",
            };
            out.push_str(&issue(Person::Ada, ""));
            let _ = writeln!(
                out,
                "  - forgeToken: {{from: $t{number}, how: {how}, as: f{number}}}\n  - signIn: $f{number}"
            );
            expect(out, act, before);
            if how != "badSignature" {
                out.push_str("    sent: nothing\n");
            }
        }
        Act::SignInLate(who) => {
            out.push_str(&issue(who, ""));
            out.push_str("  - expire: signInToken\n");
            out.push_str(&sign_in);
            expect(out, act, before);
        }
        Act::SignInBoth => {
            let _ = writeln!(
                out,
                "  - issueToken: {{user: ada, as: a{number}}}\n  - issueToken: {{user: bob, as: b{number}}}\n  \
                 - together:\n    - signIn: $a{number}\n      expect: [ok, alreadySignedIn, invalidSignInToken]\n    \
                 - signIn: $b{number}\n      expect: [ok, alreadySignedIn, invalidSignInToken]"
            );
        }
        Act::UseForeignKey(place) => {
            let _ = writeln!(out, "  - configure: {{{}}}", elsewhere(place, home).trim_start_matches(", "));
            expect(out, act, before);
        }
        Act::UserWithoutKey => {
            out.push_str("  - setUserId: $ada.id\n");
            expect(out, act, before);
        }
        Act::CallTeam => {
            out.push_str("  - request: GET /v2/user\n");
            expect(out, act, before);
        }
        Act::LockedLaunch => out.push_str("  - lockStorage\n  - relaunch\n  - unlockStorage\n"),
        Act::Client(what) => client(out, what, home),
        Act::Backend(ask) => backend(out, ask, act, before),
        Act::CrashInSignIn(who, write) => {
            out.push_str(&issue(who, ""));
            let _ = writeln!(out, "  - crash: {{step: {{signIn: $t{number}}}, write: {write}}}");
            expect(out, act, before);
            out.push_str("  - kill\n  - launch\n");
        }
        Act::CrashInCall(write) => {
            let _ = writeln!(out, "  - expire: accessToken\n  - crash: {{step: {{request: {call}}}, write: {write}}}");
            expect(out, act, before);
            out.push_str("  - kill\n  - launch\n");
        }
        Act::CrashInSignOut(write) => {
            let _ = writeln!(out, "  - crash: {{step: signOut, write: {write}}}");
            expect(out, act, before);
            out.push_str("  - kill\n  - launch\n");
        }
        Act::Identify(who) => {
            let _ = writeln!(out, "  - identify: {}", who.name());
            expect(out, act, before);
        }
        Act::UseKey(who) => {
            let _ = writeln!(out, "  - configure\n  - setUserId: ${}.id", who.name());
        }
        Act::Call | Act::CallOther => {
            let whose = if act == Act::Call { own } else { own.other() };
            let _ = writeln!(out, "  - request: GET /v2/user/${}.id", whose.name());
            expect(out, act, before);
        }
        Act::CallStruck(on, how) => {
            if on == On::Refresh {
                out.push_str("  - expire: accessToken\n");
            }
            out.push_str(&strike(if on == On::Refresh { "refresh" } else { "api" }, how));
            let _ = writeln!(out, "  - request: {call}");
            expect(out, act, before);
            out.push_str("  - clearFaults\n");
        }
        Act::Crowd => {
            let _ = writeln!(out, "  - expire: accessToken\n  - together:\n      steps:\n        - request: {call}");
            let mut line = String::new();
            expect(&mut line, act, before);
            let line = line.replace("invalidUser", "invalidUser, notSignedIn");
            let _ = writeln!(out, "      {line}      times: 4");
        }
        Act::CrowdSignOut => {
            let _ = writeln!(
                out,
                "  - expire: accessToken\n  - fault: {{on: refresh, harm: holdResponse, times: 1}}\n  \
                 - begin: {{step: {{request: {call}}}, as: c{number}, until: refresh}}\n  - signOut:\n  - release\n  \
                 - finish: c{number}"
            );
            expect(out, act, before);
        }
        Act::Reconcile => {
            let idle = if before.asks_for_nothing(act) { " {signIns: 0, signOuts: 0}" } else { "" };
            let _ = writeln!(out, "  - reconcile:{idle}");
            expect(out, act, before);
        }
        Act::Refresh => {
            out.push_str("  - refresh:\n");
            expect(out, act, before);
        }
        Act::SignOut => out.push_str("  - signOut\n"),
        Act::Relaunch => out.push_str("  - relaunch\n"),
        Act::Kill => out.push_str("  - kill\n  - launch\n"),
        Act::Reboot => out.push_str("  - reboot\n"),
        Act::Reinstall => out.push_str("  - reinstall: {keeps: secure}\n"),
        Act::Offline => out.push_str("  - network: down\n"),
        Act::Online => out.push_str("  - network: up\n"),
        Act::Hour => out.push_str("  - expire: accessToken\n"),
        Act::Delete(who) => out.push_str(&format!("  - deleteUser: {}\n", who.name())),
        Act::Undo(who) => out.push_str(&format!("  - undoDelete: {}\n", who.name())),
        Act::Revoke => out.push_str(&format!("  - revoke: {}\n", own.name())),
        Act::RefuseAccessTokens => out.push_str(&format!("  - refuseAccessTokens: {}\n", own.name())),
        Act::AppUser(who) => out.push_str(&format!("  - app: {}\n", who.map_or("nobody", Person::name))),
    }
}

fn backend(out: &mut String, ask: Ask, act: Act, before: &State) {
    let other = |who: Person| format!("${}.externalId", who.other().name());
    let own = |who: Person, more: String| {
        format!("  - tokenRequest: {{user: {}, owner: ${}.id{more}}}\n", who.name(), who.name())
    };
    match ask {
        Ask::Rightly(who) => out.push_str(&own(who, ", notCacheable: true".into())),
        Ask::WithoutCredential => out.push_str("  - tokenRequest: {user: ada, credential: missing}\n"),
        Ask::WithGarbage => out.push_str("  - tokenRequest: {user: ada, credential: garbage}\n"),
        Ask::NamingInQuery(who) => out.push_str(&own(who, format!(", query: {{client_user_id: {}}}", other(who)))),
        Ask::NamingInBody(who) => out.push_str(&own(who, format!(", body: {{client_user_id: {}}}", other(who)))),
        Ask::NamingInHeader(who) => out.push_str(&own(who, format!(", headers: {{x-user-id: {}}}", other(who)))),
        Ask::NewcomerCrowd => {
            out.push_str("  # Here somebody new asked three times at once; scenarios name newcomers under `given`.\n");
            return;
        }
        Ask::Raced(who) => {
            out.push_str("  - fault: {on: findUser, harm: status, status: 404, times: 1}\n");
            out.push_str(&own(who, String::new()));
        }
        Ask::FailedLookUp(status) => {
            let _ = writeln!(out, "  - fault: {{on: findUser, harm: status, status: {status}, times: 1}}");
            out.push_str("  - tokenRequest: {user: ada}\n");
        }
        Ask::FailedIssuance(status) => {
            let _ = writeln!(
                out,
                "  - fault: {{on: issuance, harm: status, status: {status}, body: \"bad key $team.key\", times: 1}}"
            );
            out.push_str("  - tokenRequest: {user: ada}\n");
        }
        Ask::GarbledIssuance => {
            out.push_str("  - fault: {on: issuance, harm: wrongTypes, times: 1}\n  - tokenRequest: {user: ada}\n");
        }
    }
    expect(out, act, before);
}

/// What another client tries. Some tries have no step, and the file says so.
fn client(out: &mut String, what: Try, home: Realm) {
    let _ = match what {
        Try::AccessTokenAt(place) => {
            writeln!(out, "  - present: {{token: accessToken{}}}\n    expect: [401, 403]", elsewhere(place, home))
        }
        Try::ExpiredAccessToken => {
            writeln!(out, "  - expire: accessToken\n  - present: {{token: accessToken}}\n    expect: [401, 403]")
        }
        Try::Garbage => writeln!(out, "  - clientBroken: {{how: garbage, call: refresh}}\n    expect: 4xx"),
        Try::Twin => writeln!(
            out,
            "  - clientCall: {{call: POST /v2/user, key: $team.key, body: '{{\"client_user_id\": \"$ada.externalId\"}}'}}\n    \
             expect: [200, 4xx]"
        ),
        Try::SignInTokenAgain | Try::OldRefreshToken => {
            writeln!(out, "  # Here a client showed a token of the SDK's that was used up; there is no step for that.")
        }
    };
}

fn elsewhere(place: Place, home: Realm) -> String {
    match place {
        Place::Home => String::new(),
        Place::OtherRegion => {
            format!(", region: {}", if home.region == Region::Us { Region::Eu } else { Region::Us })
        }
        Place::OtherEnvironment => {
            let other = if home.environment == Environment::Production { "sandbox" } else { "production" };
            format!(", environment: {other}")
        }
    }
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
