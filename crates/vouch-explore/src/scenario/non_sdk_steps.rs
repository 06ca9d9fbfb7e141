//! The steps of actions in which the SDK takes no part.

use super::step_templates::{elsewhere, expire_access_token, fault_once, issue_token, status_once, text};
use super::{Stage, expected, new_user};
use crate::action::{BackendRequest, ClientRequest, PEOPLE, Person, Place, UNKNOWN_KEY, UNKNOWN_USER};
use crate::state::State;
use vouch_spec::operation::Operation;
use vouch_spec::protocol::{ErrorKind, Realm};
use vouch_spec::step::{
    ClientCall, ClientExchange, ClientMalformed, CredentialKind, Fault, FaultKind, ForgeToken, Forgery, GrantCall,
    Malformation, MalformedCall, Outcome, Outcomes, Parallel, PresentToken, PresentedToken, ScenarioStep, TokenRequest,
    VendorUsers,
};

/// What an app requests from its backend. `new_users` have been created by the end of the stage.
pub(super) fn backend(request: BackendRequest, number: usize, stage: &Stage, new_users: usize) -> Vec<ScenarioStep> {
    let ada = || token_request("ada");
    let other =
        |person: Person| [("client_user_id".to_owned(), text(format!("${}.externalId", person.other().name())))];
    let (fault, request) = match request {
        BackendRequest::Valid(person) => (None, TokenRequest { not_cacheable: true, ..own_token_request(person) }),
        BackendRequest::WithoutCredential => (None, TokenRequest { credential: CredentialKind::Missing, ..ada() }),
        BackendRequest::WithGarbage => (None, TokenRequest { credential: CredentialKind::Garbage, ..ada() }),
        BackendRequest::OtherUserInQuery(person) => {
            (None, TokenRequest { query: other(person).into(), ..own_token_request(person) })
        }
        BackendRequest::OtherUserInBody(person) => {
            (None, TokenRequest { body: other(person).into(), ..own_token_request(person) })
        }
        BackendRequest::OtherUserInHeader(person) => {
            let headers = other(person).map(|(_, id)| ("x-user-id".to_owned(), id));
            (None, TokenRequest { headers: headers.into(), ..own_token_request(person) })
        }
        BackendRequest::ParallelNewUser => {
            let inner = vec![ScenarioStep::new(token_request(&new_user(number)))];
            let mut steps = vec![ScenarioStep::new(Parallel::new(inner, 3))];
            steps.extend(vendor_users(stage, new_users));
            return steps;
        }
        BackendRequest::LookupRace(person) => (Some(status_once(Operation::FindUser, 404)), own_token_request(person)),
        BackendRequest::FailedLookup(status) => (Some(status_once(Operation::FindUser, status)), ada()),
        BackendRequest::FailedIssuance(status) => {
            let body = Some(text("bad key $team.key"));
            (Some(Fault { body, ..status_once(Operation::Issuance, status) }), ada())
        }
        BackendRequest::SilentIssuance => (Some(fault_once(Operation::Issuance, FaultKind::HoldRequest)), ada()),
        BackendRequest::GarbledIssuance => (Some(fault_once(Operation::Issuance, FaultKind::WrongTypes)), ada()),
    };
    let mut steps: Vec<_> = fault.map(ScenarioStep::new).into_iter().collect();
    steps.push(ScenarioStep::new(request).expect(expected(stage)));
    steps
}

fn token_request(user: &str) -> TokenRequest {
    TokenRequest {
        user: user.into(),
        credential: CredentialKind::Own,
        query: [].into(),
        headers: [].into(),
        body: [].into(),
        named_user: None,
        owner: None,
        not_cacheable: false,
        bind: None,
    }
}

/// A request whose token must be for the user who makes it.
fn own_token_request(person: Person) -> TokenRequest {
    TokenRequest { owner: Some(text(format!("${}.id", person.name()))), ..token_request(person.name()) }
}

/// The number of users that the team must have (ISS-2), where all possible states agree on it.
fn vendor_users(stage: &Stage, new_users: usize) -> Option<ScenarioStep> {
    let deleted = |state: &State| PEOPLE.iter().filter(|person| state.is_deleted(**person)).count();
    let first = deleted(stage.after.first()?);
    let certain = stage.after.iter().all(|other| deleted(other) == first);
    certain.then(|| ScenarioStep::new(VendorUsers { count: PEOPLE.len() - first + new_users }))
}

/// What a client other than the SDK requests from the vendor.
pub(super) fn client(request: ClientRequest, number: usize, home: Realm) -> Vec<ScenarioStep> {
    let refused = Outcome::Class(4);
    let unauthorized = [Outcome::Http(401), Outcome::Http(403)];
    let team_call = |call: &str| ClientCall { key: Some(text("$team.key")), ..client_call(call) };
    let (step, outcomes) = match request {
        ClientRequest::AccessTokenAt(place) => {
            (present(PresentedToken::AccessToken, place, home), Outcomes::of(unauthorized))
        }
        ClientRequest::ExpiredAccessToken => {
            let step = present(PresentedToken::AccessToken, Place::Home, home).expect(Outcomes::of(unauthorized));
            return vec![expire_access_token(), step];
        }
        ClientRequest::Garbage => {
            let malformed = ClientMalformed { how: Malformation::Garbage, call: MalformedCall::Refresh, token: None };
            (ScenarioStep::new(malformed), Outcomes::of([refused]))
        }
        ClientRequest::DuplicateUser => {
            let body = Some(text(r#"{"client_user_id": "$ada.externalId"}"#));
            let call = ClientCall { body, ..team_call("POST /v2/user") };
            (ScenarioStep::new(call), Outcomes::of([Outcome::Http(200), refused]))
        }
        ClientRequest::NoCredential => {
            (ScenarioStep::new(client_call("GET /v2/user/$ada.id")), Outcomes::of([refused]))
        }
        ClientRequest::UnknownKey => {
            let call = ClientCall { key: Some(text(UNKNOWN_KEY)), ..client_call("GET /v2/user/$ada.id") };
            (ScenarioStep::new(call), Outcomes::of([refused]))
        }
        ClientRequest::KeyAt(place) => {
            let (environment, region) = elsewhere(place, home);
            let call = ClientCall { environment, region, ..team_call("GET /v2/user") };
            (ScenarioStep::new(call), Outcomes::of([refused]))
        }
        ClientRequest::UserWithoutClientId => {
            let call = ClientCall { body: Some(text("{}")), ..team_call("POST /v2/user") };
            (ScenarioStep::new(call), Outcomes::of([refused]))
        }
        ClientRequest::TokenForUnknownUser => {
            let call = team_call(&format!("POST /v2/user/{UNKNOWN_USER}/sign_in_token"));
            (ScenarioStep::new(call), Outcomes::of([refused]))
        }
        ClientRequest::UnsignedToken => return unsigned_token(number),
        ClientRequest::Metrics => return with_own_session(number, client_call("GET /v2/user/metrics")),
        ClientRequest::NewUser => {
            let body = Some(text(r#"{"client_user_id": "intruder"}"#));
            return with_own_session(number, ClientCall { body, ..client_call("POST /v2/user") });
        }
        ClientRequest::SignInTokenAgain => {
            (present(PresentedToken::SignInToken, Place::Home, home), Outcomes::of([refused]))
        }
        ClientRequest::OldRefreshToken => {
            (present(PresentedToken::OldRefreshToken, Place::Home, home), Outcomes::of([refused]))
        }
    };
    vec![step.expect(outcomes)]
}

fn client_call(call: &str) -> ClientCall {
    ClientCall {
        call: text(call),
        bearer: None,
        as_team: false,
        key: None,
        body: None,
        environment: None,
        region: None,
        field: None,
        not_cacheable: false,
    }
}

fn present(token: PresentedToken, place: Place, home: Realm) -> ScenarioStep {
    let (environment, region) = elsewhere(place, home);
    ScenarioStep::new(PresentToken { token, environment, region })
}

fn exchange(token: &str, bind: Option<String>) -> ScenarioStep {
    let token = text(format!("${token}"));
    let (environment, region, obeys) = (None, None, None);
    let (not_cacheable, rotates, rotated_out) = (false, false, false);
    let call = GrantCall { token, bind, environment, region, not_cacheable, obeys, rotates, rotated_out };
    ScenarioStep::new(ClientExchange(call))
}

/// A sign-in token with the algorithm `none`, at the token endpoint.
fn unsigned_token(number: usize) -> Vec<ScenarioStep> {
    let (good, bad) = (format!("good{number}"), format!("bad{number}"));
    let forge = ForgeToken { from: text(format!("${good}")), how: Forgery::AlgorithmNone, bind: bad.clone() };
    let outcomes = Outcomes::of([Outcome::Class(4), Outcome::Refused(ErrorKind::InvalidSignInToken)]);
    let issue = ScenarioStep::new(issue_token(Person::Ada, &good));
    vec![issue, ScenarioStep::new(forge), exchange(&bad, None).expect(outcomes)]
}

/// A call with a user's own access token that only the team may make.
fn with_own_session(number: usize, call: ClientCall) -> Vec<ScenarioStep> {
    let (token, session) = (format!("mine{number}"), format!("s{number}"));
    let call = ClientCall { bearer: Some(text(format!("${session}.accessToken"))), ..call };
    let issue = ScenarioStep::new(issue_token(Person::Ada, &token));
    let refused = Outcomes::of([Outcome::Class(4)]);
    vec![issue, exchange(&token, Some(session)), ScenarioStep::new(call).expect(refused)]
}
