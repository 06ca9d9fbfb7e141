//! What a person asks of a running server: `vouch mock-cloud ctl`. `POST /control/ctl`, with the key of the control calls.

use super::proxy::Recording;
use crate::mock_cloud::{MockCloud, TokenShape};
use crate::wire::redact::Redactor;
use crate::wire::{Exchange, FaultContext, FaultEffect, FaultRule, note_secrets, render};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use vouch_spec::protocol::{Environment, Realm, Region};
use vouch_spec::step::{Fault, FaultKind, StepFields};

/// The word of the control call.
pub const CTL_WORD: &str = "ctl";
/// How many users a list shows.
const MAX_LISTED: usize = 100;

/// One command.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CtlCommand {
    CreateUser {
        name: String,
        realm: Realm,
    },
    ListUsers,
    /// Issues a sign-in token.
    SignInToken(UserQuery),
    DeleteUser(UserQuery),
    UndoDelete(UserQuery),
    /// Ends the sessions of a user.
    Revoke(UserQuery),
    /// The API refuses the access tokens issued so far; refresh works.
    ExpireAccessTokens(UserQuery),
    /// Sets the clock of the cloud ahead.
    Advance {
        seconds: u64,
    },
    AddFault(Fault),
    ListFaults,
    ClearFaults,
    /// The last exchanges that came through the proxy.
    Log {
        last: usize,
    },
}

/// A user by its `client_user_id` or user id, in any realm or in some.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserQuery {
    pub name: String,
    pub environment: Option<Environment>,
    pub region: Option<Region>,
}

/// A user that was found.
struct Found {
    realm: Realm,
    id: String,
}

/// Carries a command out. What to print, or why it cannot be done.
pub(super) fn perform(cloud: &MockCloud, recording: Option<&Recording>, command: CtlCommand) -> Result<String, String> {
    match command {
        CtlCommand::CreateUser { name, realm } => create(cloud, &name, realm),
        CtlCommand::ListUsers => Ok(list(cloud)),
        CtlCommand::SignInToken(query) => {
            let user = find(cloud, &query, false)?;
            let token = cloud.sign_in_token(user.realm, &user.id, &TokenShape::default());
            token.ok_or_else(|| "the sign-in token cannot be signed".into())
        }
        CtlCommand::DeleteUser(query) => {
            let user = find(cloud, &query, false)?;
            cloud.set_deleted(user.realm, &user.id, true);
            Ok(format!("deleted {} in {}", user.id, user.realm))
        }
        CtlCommand::UndoDelete(query) => {
            let user = find(cloud, &query, true)?;
            cloud.set_deleted(user.realm, &user.id, false);
            Ok(format!("brought {} in {} back; its sessions stay ended", user.id, user.realm))
        }
        CtlCommand::Revoke(query) => {
            let user = find(cloud, &query, false)?;
            Ok(format!("revoked {} session(s) of {} in {}", cloud.revoke(user.realm, &user.id), user.id, user.realm))
        }
        CtlCommand::ExpireAccessTokens(query) => {
            let user = find(cloud, &query, false)?;
            cloud.store().refuse_access_tokens(user.realm, &user.id);
            Ok(format!("the API refuses the access tokens of {} in {} issued so far", user.id, user.realm))
        }
        CtlCommand::Advance { seconds } => {
            cloud.set_ahead(Duration::from_secs(seconds));
            Ok(format!("the clock of the cloud is {seconds} s further ahead"))
        }
        CtlCommand::AddFault(fault) => add_fault(&with_proxy(recording)?.faults, &fault),
        CtlCommand::ListFaults => {
            let faults = with_proxy(recording)?.faults.descriptions();
            Ok(if faults.is_empty() { "no faults".into() } else { faults.join("\n") })
        }
        CtlCommand::ClearFaults => {
            with_proxy(recording)?.faults.clear();
            Ok("no faults".into())
        }
        CtlCommand::Log { last } => Ok(log(with_proxy(recording)?, last)),
    }
}

fn with_proxy(recording: Option<&Recording>) -> Result<&Recording, String> {
    let why = "only the traffic of the proxy is recorded and struck by faults; start `vouch mock-cloud` with --proxy";
    recording.ok_or_else(|| why.into())
}

fn create(cloud: &MockCloud, name: &str, realm: Realm) -> Result<String, String> {
    let mut store = cloud.store();
    let taken = store.by_client_id(realm, name).map(|user| user.id.clone());
    match taken {
        Some(id) => Err(format!("`{name}` is a user of {realm} already: {id}")),
        None => store.add_user(realm, name, None).map(|user| user.id).ok_or_else(|| "there are too many users".into()),
    }
}

fn list(cloud: &MockCloud) -> String {
    let store = cloud.store();
    let lines = |realm: Realm| {
        store.live(realm).take(MAX_LISTED).map(move |user| format!("{realm}  {}  {}", user.id, user.client_user_id))
    };
    let mut lines: Vec<_> = Realm::all().flat_map(lines).take(MAX_LISTED).collect();
    let count: usize = Realm::all().map(|realm| store.live_count(realm)).sum();
    if count > lines.len() {
        lines.push(format!("and {} more", count - lines.len()));
    }
    if lines.is_empty() { "no users".into() } else { lines.join("\n") }
}

/// The one user that a query names.
fn find(cloud: &MockCloud, query: &UserQuery, deleted: bool) -> Result<Found, String> {
    let name = &query.name;
    let fits = |realm: &Realm| {
        query.environment.is_none_or(|environment| environment == realm.environment)
            && query.region.is_none_or(|region| region == realm.region)
    };
    let store = cloud.store();
    let found: Vec<_> = Realm::all()
        .filter(fits)
        .filter_map(|realm| Some(Found { realm, id: store.find(realm, name, deleted)? }))
        .collect();
    let realms = found.iter().map(|user| user.realm.to_string()).collect::<Vec<_>>().join(", ");
    match (<[Found; 1]>::try_from(found), deleted) {
        (Ok([user]), _) => Ok(user),
        (Err(found), _) if !found.is_empty() => {
            Err(format!("`{name}` is a user of {realms}; add --environment and --region"))
        }
        (Err(_), false) => Err(format!("there is no user `{name}`; `vouch mock-cloud ctl user list` shows them")),
        (Err(_), true) => Err(format!("there is no deleted user `{name}`")),
    }
}

fn add_fault(faults: &crate::wire::FaultInjector, fault: &Fault) -> Result<String, String> {
    use FaultKind::{HoldRequest, HoldResponse, KillAfter, KillBefore, OmitFields, Redirect, RedirectElsewhere};
    match fault.kind {
        KillBefore | KillAfter => return Err("only a scenario can kill the app".into()),
        HoldRequest | HoldResponse | OmitFields | Redirect | RedirectElsewhere => {
            return Err("this kind of fault is for scenarios: it needs more than the command line says".into());
        }
        FaultKind::Status if fault.status.is_none_or(|status| !(200..600).contains(&status)) => {
            return Err("a fault `status` needs --status, from 200 to 599".into());
        }
        _ => {}
    }
    if fault.times == Some(0) {
        return Err("a fault that strikes 0 times does nothing".into());
    }
    let description = fault.describe();
    faults.add(FaultRule {
        on: fault.on,
        effect: FaultEffect::of(fault, FaultContext::default()),
        description: description.clone(),
        times: fault.times,
    });
    Ok(description)
}

/// The last exchanges, without secrets.
fn log(recording: &Recording, last: usize) -> String {
    let transcript = &recording.transcript;
    let end = transcript.len();
    let exchanges: Vec<Exchange> = transcript.since(end.saturating_sub(last));
    let redactor = Redactor::default();
    note_secrets(&exchanges, &redactor);
    let first = end - exchanges.len() + 1;
    let lines = exchanges.iter().enumerate().map(|(at, exchange)| render::exchange(first + at, exchange, &redactor));
    let lines: String = lines.map(|text| text.to_string()).collect();
    if lines.is_empty() { "nothing came through the proxy yet".into() } else { lines.trim_end().to_owned() }
}
