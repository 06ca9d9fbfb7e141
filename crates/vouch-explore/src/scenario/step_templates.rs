//! Constructors of the steps that several actions have in common.

use super::Stage;
use crate::action::{InjectedFault, Person, Place};
use crate::state::State;
use vouch_spec::operation::Operation;
use vouch_spec::protocol::{Environment, Realm, Region};
use vouch_spec::scenario::Text;
use vouch_spec::step::{
    Await, ClearFaults, Expire, ExpiringToken, Fault, FaultKind, IssueToken, Kill, Launch, Network, NetworkState,
    Pause, RefuseAccessTokens, Release, Request, ScenarioStep, SignIn, SignOut, Start, TrafficCount,
    TrafficExpectation,
};

pub(super) fn text(text: impl Into<String>) -> Text {
    Text(text.into())
}

/// The API call for a user's own resource.
pub(super) fn call_of(person: Person) -> String {
    format!("GET /v2/user/${}.id", person.name())
}

pub(super) fn request(call: &str) -> ScenarioStep {
    ScenarioStep::new(Request { call: text(call), body: [].into(), json: [].into() })
}

/// An API call for a user's own resource.
pub(super) fn request_of(person: Person) -> ScenarioStep {
    request(&call_of(person))
}

/// A sign-in with the token in this variable.
pub(super) fn sign_in(variable: &str) -> ScenarioStep {
    ScenarioStep::new(SignIn { token: text(format!("${variable}")) })
}

pub(super) fn sign_out() -> ScenarioStep {
    ScenarioStep::new(SignOut {})
}

/// A sign-in token of the usual shape for the scenario's own realm.
pub(super) fn issue_token(person: Person, bind: &str) -> IssueToken {
    IssueToken::new(person.name(), bind)
}

pub(super) fn expire_access_token() -> ScenarioStep {
    ScenarioStep::new(Expire::all(ExpiringToken::AccessToken))
}

pub(super) fn refuse_access_tokens(person: Person) -> ScenarioStep {
    ScenarioStep::new(RefuseAccessTokens { user: person.name().into() })
}

pub(super) fn kill_and_launch() -> [ScenarioStep; 2] {
    [ScenarioStep::new(Kill {}), ScenarioStep::new(Launch {})]
}

pub(super) fn start(step: ScenarioStep, bind: &str, until: Option<Operation>) -> ScenarioStep {
    ScenarioStep::new(Start { step, bind: bind.into(), until })
}

pub(super) fn await_call(name: &str) -> ScenarioStep {
    ScenarioStep::new(Await { call: name.into() })
}

pub(super) fn pause(milliseconds: u64) -> ScenarioStep {
    ScenarioStep::new(Pause { milliseconds })
}

pub(super) fn release() -> ScenarioStep {
    ScenarioStep::new(Release {})
}

pub(super) fn clear_faults() -> ScenarioStep {
    ScenarioStep::new(ClearFaults {})
}

/// A fault of the next exchange of a kind.
pub(super) fn fault_once(on: Operation, kind: FaultKind) -> Fault {
    Fault { on: Some(on), times: Some(1), ..Fault::new(kind) }
}

/// The next exchange of a kind is answered with this HTTP status.
pub(super) fn status_once(on: Operation, status: u16) -> Fault {
    Fault { status: Some(status), ..fault_once(on, FaultKind::Status) }
}

pub(super) fn fault(on: Operation, fault: InjectedFault) -> ScenarioStep {
    ScenarioStep::new(match fault {
        InjectedFault::LoseRequest => fault_once(on, FaultKind::LoseRequest),
        InjectedFault::NoResponse => fault_once(on, FaultKind::HoldRequest),
        InjectedFault::LoseResponse => fault_once(on, FaultKind::LoseResponse),
        InjectedFault::Status(status) => status_once(on, status),
        InjectedFault::RetryAfter(status, seconds) => Fault { retry_after: Some(seconds), ..status_once(on, status) },
        InjectedFault::PersistentStatus(status) => Fault { times: None, ..status_once(on, status) },
        InjectedFault::WrongTypes => fault_once(on, FaultKind::WrongTypes),
        InjectedFault::Garbage => fault_once(on, FaultKind::HtmlBody),
    })
}

/// Starts a step that gets as far as an exchange whose request or response is held.
pub(super) fn start_held(on: Operation, kind: FaultKind, step: ScenarioStep, bind: &str) -> [ScenarioStep; 2] {
    [ScenarioStep::new(fault_once(on, kind)), start(step, bind, Some(on))]
}

/// The step sends this many refresh requests.
pub(super) fn refreshes(step: ScenarioStep, count: TrafficCount) -> ScenarioStep {
    sends(step, TrafficExpectation { refresh: Some(count), ..TrafficExpectation::default() })
}

pub(super) fn sends(step: ScenarioStep, sent: TrafficExpectation) -> ScenarioStep {
    ScenarioStep { sent: Some(sent), ..step }
}

pub(super) fn exactly(count: usize) -> TrafficCount {
    TrafficCount { count: Some(count), ..TrafficCount::default() }
}

pub(super) fn gap_of(seconds: u64) -> TrafficCount {
    TrafficCount { min_gap_seconds: i64::try_from(seconds).ok(), ..TrafficCount::default() }
}

pub(super) fn network(is: NetworkState) -> ScenarioStep {
    ScenarioStep::new(Network { is })
}

/// Steps that need the network: where the device may be offline, it is online during them.
pub(super) fn while_online(online: bool, mut steps: Vec<ScenarioStep>) -> Vec<ScenarioStep> {
    if !online {
        steps.insert(0, network(NetworkState::Up));
        steps.push(network(NetworkState::Down));
    }
    steps
}

pub(super) fn is_online(stage: &Stage) -> bool {
    stage.before.iter().all(|state| state.online)
}

/// The user who is signed in before the stage.
pub(super) fn own(stage: &Stage) -> Person {
    stage.before.iter().find_map(State::user).unwrap_or(Person::Ada)
}

/// The environment or region by which a place differs from the scenario's own realm.
pub(super) fn elsewhere(place: Place, home: Realm) -> (Option<Environment>, Option<Region>) {
    match place {
        Place::Home => (None, None),
        Place::OtherRegion => (None, Some(place.seen_from(home).region)),
        Place::OtherEnvironment => (Some(place.seen_from(home).environment), None),
    }
}
