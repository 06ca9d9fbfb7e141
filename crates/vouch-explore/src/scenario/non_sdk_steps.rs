//! The steps of actions in which the SDK has no part.

use super::step_templates::elsewhere;
use super::{Stage, expect, newcomer};
use crate::action::{BackendRequest, ClientRequest, PEOPLE, Person, UNKNOWN_KEY, UNKNOWN_USER};
use crate::state::State;
use std::fmt::Write;
use vouch_spec::protocol::Realm;

/// What an app asks of its backend.
pub(super) fn backend(out: &mut String, ask: BackendRequest, number: usize, stage: &Stage, newcomers: usize) {
    let other = |person: Person| format!("${}.externalId", person.other().name());
    let own = |person: Person, more: String| {
        format!("  - tokenRequest: {{user: {}, owner: ${}.id{more}}}\n", person.name(), person.name())
    };
    match ask {
        BackendRequest::Valid(person) => out.push_str(&own(person, ", notCacheable: true".into())),
        BackendRequest::WithoutCredential => out.push_str("  - tokenRequest: {user: ada, credential: missing}\n"),
        BackendRequest::WithGarbage => out.push_str("  - tokenRequest: {user: ada, credential: garbage}\n"),
        BackendRequest::OtherUserInQuery(person) => {
            out.push_str(&own(person, format!(", query: {{client_user_id: {}}}", other(person))))
        }
        BackendRequest::OtherUserInBody(person) => {
            out.push_str(&own(person, format!(", body: {{client_user_id: {}}}", other(person))))
        }
        BackendRequest::OtherUserInHeader(person) => {
            out.push_str(&own(person, format!(", headers: {{x-user-id: {}}}", other(person))))
        }
        BackendRequest::ParallelNewUser => {
            let name = newcomer(number);
            let _ = writeln!(out, "  - parallel: {{steps: [{{tokenRequest: {{user: {name}}}}}], times: 3}}");
            users(out, stage, newcomers);
            return;
        }
        BackendRequest::LookupRace(person) => {
            out.push_str("  - fault: {on: findUser, kind: status, status: 404, times: 1}\n");
            out.push_str(&own(person, String::new()));
        }
        BackendRequest::FailedLookup(status) => {
            let _ = writeln!(out, "  - fault: {{on: findUser, kind: status, status: {status}, times: 1}}");
            out.push_str("  - tokenRequest: {user: ada}\n");
        }
        BackendRequest::FailedIssuance(status) => {
            let _ = writeln!(
                out,
                "  - fault: {{on: issuance, kind: status, status: {status}, body: \"bad key $team.key\", times: 1}}"
            );
            out.push_str("  - tokenRequest: {user: ada}\n");
        }
        BackendRequest::SilentIssuance => {
            out.push_str("  - fault: {on: issuance, kind: holdRequest, times: 1}\n  - tokenRequest: {user: ada}\n");
        }
        BackendRequest::GarbledIssuance => {
            out.push_str("  - fault: {on: issuance, kind: wrongTypes, times: 1}\n  - tokenRequest: {user: ada}\n");
        }
    }
    expect(out, stage);
}

/// How many users the team must have (ISS-2).
fn users(out: &mut String, stage: &Stage, newcomers: usize) {
    let deleted = |state: &State| PEOPLE.iter().filter(|person| state.is_deleted(**person)).count();
    if let Some(state) =
        stage.after.first().filter(|first| stage.after.iter().all(|other| deleted(other) == deleted(first)))
    {
        let _ = writeln!(out, "  - vendorUsers: {{count: {}}}", PEOPLE.len() - deleted(state) + newcomers);
    }
}

/// What another client tries.
pub(super) fn client(out: &mut String, what: ClientRequest, number: usize, home: Realm) {
    let _ = match what {
        ClientRequest::AccessTokenAt(place) => {
            writeln!(out, "  - presentToken: {{token: accessToken{}}}\n    expect: [401, 403]", elsewhere(place, home))
        }
        ClientRequest::ExpiredAccessToken => {
            writeln!(out, "  - expire: accessToken\n  - presentToken: {{token: accessToken}}\n    expect: [401, 403]")
        }
        ClientRequest::Garbage => {
            writeln!(out, "  - clientMalformed: {{how: garbage, call: refresh}}\n    expect: 4xx")
        }
        ClientRequest::DuplicateUser => writeln!(
            out,
            "  - clientCall: {{call: POST /v2/user, key: $team.key, body: '{{\"client_user_id\": \"$ada.externalId\"}}'}}\n    \
             expect: [200, 4xx]"
        ),
        ClientRequest::NoCredential => writeln!(out, "  - clientCall: {{call: GET /v2/user/$ada.id}}\n    expect: 4xx"),
        ClientRequest::UnknownKey => {
            writeln!(out, "  - clientCall: {{call: GET /v2/user/$ada.id, key: {UNKNOWN_KEY}}}\n    expect: 4xx")
        }
        ClientRequest::KeyAt(place) => {
            let place = elsewhere(place, home);
            writeln!(out, "  - clientCall: {{call: GET /v2/user, key: $team.key{place}}}\n    expect: 4xx")
        }
        ClientRequest::UserWithoutClientId => {
            writeln!(out, "  - clientCall: {{call: POST /v2/user, key: $team.key, body: '{{}}'}}\n    expect: 4xx")
        }
        ClientRequest::TokenForUnknownUser => writeln!(
            out,
            "  - clientCall: {{call: POST /v2/user/{UNKNOWN_USER}/sign_in_token, key: $team.key}}\n    expect: 4xx"
        ),
        ClientRequest::UnsignedToken => writeln!(
            out,
            "  - issueToken: {{user: ada, as: good{number}}}\n  \
             - forgeToken: {{from: $good{number}, how: algorithmNone, as: bad{number}}}\n  \
             - clientExchange: {{token: $bad{number}}}\n    expect: [4xx, invalidSignInToken]"
        ),
        ClientRequest::Metrics | ClientRequest::NewUser => {
            let call = if what == ClientRequest::Metrics { "GET /v2/user/metrics" } else { "POST /v2/user" };
            let body = if what == ClientRequest::NewUser { ", body: '{\"client_user_id\": \"intruder\"}'" } else { "" };
            writeln!(
                out,
                "  - issueToken: {{user: ada, as: mine{number}}}\n  - clientExchange: {{token: $mine{number}, as: s{number}}}\n  \
                 - clientCall: {{call: {call}, bearer: $s{number}.accessToken{body}}}\n    expect: 4xx",
            )
        }
        ClientRequest::SignInTokenAgain => writeln!(out, "  - presentToken: {{token: signInToken}}\n    expect: 4xx"),
        ClientRequest::OldRefreshToken => {
            writeln!(out, "  - presentToken: {{token: oldRefreshToken}}\n    expect: 4xx")
        }
    };
}
