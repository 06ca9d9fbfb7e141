//! What one step of a scenario is in a journey: a move of the user, nothing, or what no load can do.

use crate::load::site::Call;
use crate::profile::Standard;
use crate::protocol::{Environment, Realm, Region};
use crate::run::step::forge_token::How;
use crate::scenario::Text;
use crate::text::{Decoder, Node};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a user does.
pub enum Move {
    /// A sign-in token for a person, and its name from here on.
    Issue {
        person: usize,
        bind: Option<String>,
    },
    SignIn(Text),
    /// A sign-in token and its use.
    SignedIn(usize),
    SignedInWithKey(usize),
    Configure,
    SetUserId(Text),
    SignOut,
    Refresh,
    Request(Text),
    Relaunch,
    /// By the user's own clock the access token is over.
    Expire,
    /// The user's own clock goes on.
    Advance(Duration),
    DeleteUser(usize),
    ClientExchange(Grant),
    ClientRefresh(Grant),
    ClientCall(Box<ClientCall>),
    Forge(Forge),
}

impl Move {
    /// The calls that it may make.
    pub fn calls(&self) -> &'static [Call] {
        match self {
            Move::Issue { .. } => &[Call::Issue],
            Move::SignedIn(_) => &[Call::Issue, Call::Exchange],
            Move::SignIn(_) | Move::ClientExchange(_) => &[Call::Exchange],
            Move::Refresh | Move::ClientRefresh(_) => &[Call::Refresh],
            Move::Request(_) => &[Call::Refresh, Call::Resource],
            Move::ClientCall(_) => &[Call::Resource],
            Move::DeleteUser(_) => &[Call::DeleteUser],
            Move::SignedInWithKey(_)
            | Move::Configure
            | Move::SetUserId(_)
            | Move::SignOut
            | Move::Relaunch
            | Move::Expire
            | Move::Advance(_)
            | Move::Forge(_) => &[],
        }
    }
}

/// A call of `clientExchange` or `clientRefresh`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    pub token: Text,
    #[serde(default, rename = "as")]
    pub bind: Option<String>,
    #[serde(default)]
    environment: Option<Environment>,
    #[serde(default)]
    region: Option<Region>,
    /// Of the answer's headers and further fields: a conformance run looks at them.
    #[serde(default, rename = "notCacheable")]
    _not_cacheable: bool,
    #[serde(default, rename = "obeys")]
    _obeys: Option<Standard>,
}

/// A call of `clientCall`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientCall {
    pub call: Text,
    #[serde(default)]
    pub bearer: Option<Text>,
    #[serde(default)]
    pub key: Option<Text>,
    #[serde(default)]
    pub body: Option<Text>,
    #[serde(default)]
    environment: Option<Environment>,
    #[serde(default)]
    region: Option<Region>,
    #[serde(default)]
    pub field: Option<Field>,
}

/// A field of a good answer and the value that it must have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    pub at: String,
    pub is: Text,
}

/// `forgeToken`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forge {
    pub from: Text,
    pub(super) how: How,
    #[serde(rename = "as")]
    pub bind: String,
}

#[derive(Deserialize)]
struct Of {
    user: String,
}

#[derive(Deserialize)]
struct Token {
    token: Text,
}

#[derive(Deserialize)]
struct Line {
    call: Text,
}

#[derive(Deserialize)]
struct What {
    what: String,
}

#[derive(Deserialize)]
struct By {
    by: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserId {
    user_id: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issue {
    user: String,
    #[serde(rename = "as")]
    bind: String,
    #[serde(default)]
    environment: Option<Environment>,
    #[serde(default)]
    region: Option<Region>,
    #[serde(default)]
    url_safe_characters: bool,
    #[serde(default)]
    padding: Option<u8>,
    #[serde(default)]
    capital_user_id: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    user: String,
    #[serde(default)]
    credential: Option<String>,
    #[serde(default)]
    query: BTreeMap<String, Text>,
    #[serde(default)]
    headers: BTreeMap<String, Text>,
    #[serde(default)]
    body: BTreeMap<String, Text>,
    #[serde(default, rename = "as")]
    bind: Option<String>,
    /// Whose the token must be is checked anyhow.
    #[serde(default, rename = "owner")]
    _owner: Option<Text>,
    #[serde(default, rename = "notCacheable")]
    _not_cacheable: bool,
}

/// What a step is in a journey.
pub enum Meaning {
    Move(Move),
    /// Nothing: it looks at what no load looks at.
    LeftOut,
    /// It makes the scenario unfit: why.
    Unfit(&'static str),
}

const PLACE: &str = "a load goes to one environment and region, and this is another";
const SHAPE: &str = "tokens of this shape can be made by the simulated cloud of a conformance run only";

/// What a step is in a journey. `people` are those of the scenario. None where the step cannot be read, which the decoder
/// has noted.
pub fn meaning(name: &str, value: &Node, decoder: &Decoder, home: Realm, people: &[String]) -> Option<Meaning> {
    let elsewhere = |environment: Option<Environment>, region: Option<Region>| {
        environment.is_some_and(|e| e != home.environment) || region.is_some_and(|r| r != home.region)
    };
    let person = |name: &str| people.iter().position(|known| known == name);
    let of = |make: fn(usize) -> Move| {
        Some(match person(&decoder.decode::<Of>(value)?.user) {
            Some(person) => Meaning::Move(make(person)),
            None => Meaning::Unfit("nobody of this name is known to the vendor before the first step"),
        })
    };
    Some(match name {
        "signedIn" => return of(Move::SignedIn),
        "signedInWithApiKey" => return of(Move::SignedInWithKey),
        "deleteUser" => return of(Move::DeleteUser),
        "issueToken" => {
            let issue: Issue = decoder.decode(value)?;
            match person(&issue.user) {
                _ if issue.url_safe_characters || issue.padding.is_some() || issue.capital_user_id => {
                    Meaning::Unfit(SHAPE)
                }
                _ if elsewhere(issue.environment, issue.region) => Meaning::Unfit(PLACE),
                None => Meaning::Unfit("nobody of this name is known to the vendor before the first step"),
                Some(person) => Meaning::Move(Move::Issue { person, bind: Some(issue.bind) }),
            }
        }
        "tokenRequest" => {
            let asked: Asked = decoder.decode(value)?;
            let plain = asked.query.is_empty() && asked.headers.is_empty() && asked.body.is_empty();
            match person(&asked.user) {
                Some(person) if plain && asked.credential.is_none() => {
                    Meaning::Move(Move::Issue { person, bind: asked.bind })
                }
                Some(_) => Meaning::Unfit("a request of the app that is wrong on purpose is no load"),
                None => Meaning::Unfit("nobody of this name is known to the vendor before the first step"),
            }
        }
        "signIn" => Meaning::Move(Move::SignIn(decoder.decode::<Token>(value)?.token)),
        "request" => Meaning::Move(Move::Request(decoder.decode::<Line>(value)?.call)),
        "setUserId" => Meaning::Move(Move::SetUserId(decoder.decode::<UserId>(value)?.user_id)),
        "configure" if value.as_map().is_none_or(<[_]>::is_empty) => Meaning::Move(Move::Configure),
        "signOut" => Meaning::Move(Move::SignOut),
        "refresh" => Meaning::Move(Move::Refresh),
        "relaunch" | "reboot" => Meaning::Move(Move::Relaunch),
        "expire" => match decoder.decode::<What>(value)?.what.as_str() {
            "accessToken" => Meaning::Move(Move::Expire),
            _ => {
                Meaning::Unfit("time does not pass at the server of a load: a sign-in token does not end for this step")
            }
        },
        "advance" => match humantime::parse_duration(&decoder.decode::<By>(value)?.by) {
            Ok(by) => Meaning::Move(Move::Advance(by)),
            Err(_) => Meaning::Unfit("this is no length of time"),
        },
        "clientExchange" | "clientRefresh" => {
            let grant: Grant = decoder.decode(value)?;
            match (elsewhere(grant.environment, grant.region), name) {
                (true, _) => Meaning::Unfit(PLACE),
                (false, "clientExchange") => Meaning::Move(Move::ClientExchange(grant)),
                (false, _) => Meaning::Move(Move::ClientRefresh(grant)),
            }
        }
        "clientCall" => {
            let call: ClientCall = decoder.decode(value)?;
            match elsewhere(call.environment, call.region) {
                true => Meaning::Unfit(PLACE),
                false => Meaning::Move(Move::ClientCall(Box::new(call))),
            }
        }
        "forgeToken" => Meaning::Move(Move::Forge(decoder.decode(value)?)),
        "status" | "statusChanges" | "currentUser" | "storage" | "checkToken" => Meaning::LeftOut,
        other => Meaning::Unfit(why(other)),
    })
}

/// Why a kind of step cannot be made in a load.
fn why(name: &str) -> &'static str {
    match name {
        "kill" | "launch" | "crash" | "reinstall" | "damageStorage" | "lockStorage" | "unlockStorage" => {
            "a journey's users have no process to kill and no storage to harm"
        }
        "fault" | "clearFaults" | "release" | "network" | "hosts" => {
            "a load harms nothing on the way: what is measured is the server"
        }
        "app" | "reconcile" | "identify" => "a journey has no app with a logic of its own",
        "begin" | "finish" | "cancel" | "together" | "pause" => {
            "a journey's user makes one call after the other; many at once come from many users"
        }
        "revoke" | "refuseAccessTokens" | "undoDelete" => {
            "a load cannot have the server do this behind its users' backs"
        }
        "configure" => "an API key or place other than the team's own is no load",
        "clockOff" => "a journey's users have right clocks",
        "vendorUsers" => "other users of the load are counted too",
        "present" => "a token at a host where it does not belong is no load",
        "clientBroken" => "a request that is broken on purpose is no load",
        _ => "no load can do this",
    }
}
