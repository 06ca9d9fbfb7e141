//! What the steps of several actions have in common.

use super::Stage;
use crate::action::{InjectedFault, Person, Place};
use crate::state::State;
use vouch_spec::protocol::Realm;

pub(super) fn fault(on: &str, fault: InjectedFault) -> String {
    match fault {
        InjectedFault::LoseRequest => format!("  - fault: {{on: {on}, kind: loseRequest, times: 1}}\n"),
        InjectedFault::NoResponse => format!("  - fault: {{on: {on}, kind: holdRequest, times: 1}}\n"),
        InjectedFault::LoseResponse => format!("  - fault: {{on: {on}, kind: loseResponse, times: 1}}\n"),
        InjectedFault::Status(status) => format!("  - fault: {{on: {on}, kind: status, status: {status}, times: 1}}\n"),
        InjectedFault::RetryAfter(status, seconds) => {
            format!("  - fault: {{on: {on}, kind: status, status: {status}, retryAfter: {seconds}, times: 1}}\n")
        }
        InjectedFault::PersistentStatus(status) => format!("  - fault: {{on: {on}, kind: status, status: {status}}}\n"),
        InjectedFault::WrongTypes => format!("  - fault: {{on: {on}, kind: wrongTypes, times: 1}}\n"),
        InjectedFault::Garbage => format!("  - fault: {{on: {on}, kind: htmlBody, times: 1}}\n"),
    }
}

/// A step that is begun, and comes no further than an exchange whose request or response is held.
pub(super) fn under_way(on: &str, kind: &str, step: &str, name: &str) -> String {
    format!(
        "  - fault: {{on: {on}, kind: {kind}, times: 1}}\n  - start: {{step: {{{step}}}, as: {name}, until: {on}}}\n"
    )
}

/// What the app did before the device lost its network.
pub(super) fn while_online(online: bool, steps: &str) -> String {
    if online { steps.to_owned() } else { format!("  - network: up\n{steps}  - network: down\n") }
}

pub(super) fn is_online(stage: &Stage) -> bool {
    stage.before.iter().all(|state| state.online)
}

/// Whoever is signed in.
pub(super) fn own(stage: &Stage) -> Person {
    stage.before.iter().find_map(State::user).unwrap_or(Person::Ada)
}

pub(super) fn elsewhere(place: Place, home: Realm) -> String {
    match place {
        Place::Home => String::new(),
        Place::OtherRegion => format!(", region: {}", place.seen_from(home).region),
        Place::OtherEnvironment => format!(", environment: {}", place.seen_from(home).environment),
    }
}
