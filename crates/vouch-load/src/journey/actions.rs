//! What one step of a scenario is in a journey: a move of the user, nothing, or what no load can do.

use crate::endpoints::LoadCall;
use std::time::Duration;
use vouch_runner::run::step::Step;
use vouch_runner::run::step::advance::Advance;
use vouch_runner::run::step::client_call::ClientCall;
use vouch_runner::run::step::client_tokens::{Exchange, Refresh, Shape};
use vouch_runner::run::step::delete_user::DeleteUser;
use vouch_runner::run::step::expire::{Expire, Token};
use vouch_runner::run::step::forge_token::ForgeToken;
use vouch_runner::run::step::issue_token::IssueToken;
use vouch_runner::run::step::request::Request;
use vouch_runner::run::step::set_user_id::SetUserId;
use vouch_runner::run::step::sign_in::SignIn;
use vouch_runner::run::step::signed_in::SignedIn;
use vouch_runner::run::step::signed_in_with_api_key::SignedInWithApiKey;
use vouch_runner::run::step::token_request::TokenRequest;
use vouch_sim::mock_cloud::TokenShape;
use vouch_spec::protocol::Realm;
use vouch_spec::scenario::Text;
use vouch_spec::text::{Decoder, Node};

/// What a user does.
pub enum JourneyAction {
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
    ClientExchange(Shape),
    ClientRefresh(Shape),
    ClientCall(Box<ClientCall>),
    Forge(ForgeToken),
}

impl JourneyAction {
    /// What it looks at in a conformance run and not here.
    pub fn left_out(&self) -> Option<&'static str> {
        match self {
            JourneyAction::ClientExchange(grant) | JourneyAction::ClientRefresh(grant) if grant.looks_closer() => {
                Some("headers of token answers")
            }
            _ => None,
        }
    }

    /// The calls that it may make.
    pub fn calls(&self) -> &'static [LoadCall] {
        match self {
            JourneyAction::Issue { .. } => &[LoadCall::Issue],
            JourneyAction::SignedIn(_) => &[LoadCall::Issue, LoadCall::Exchange],
            JourneyAction::SignIn(_) | JourneyAction::ClientExchange(_) => &[LoadCall::Exchange],
            JourneyAction::Refresh | JourneyAction::ClientRefresh(_) => &[LoadCall::Refresh],
            JourneyAction::Request(_) => &[LoadCall::Refresh, LoadCall::Resource],
            JourneyAction::ClientCall(_) => &[LoadCall::Resource],
            JourneyAction::DeleteUser(_) => &[LoadCall::DeleteUser],
            JourneyAction::SignedInWithKey(_)
            | JourneyAction::Configure
            | JourneyAction::SetUserId(_)
            | JourneyAction::SignOut
            | JourneyAction::Relaunch
            | JourneyAction::Expire
            | JourneyAction::Advance(_)
            | JourneyAction::Forge(_) => &[],
        }
    }
}

/// What a step is in a journey.
pub enum StepMapping {
    JourneyAction(JourneyAction),
    /// Nothing: it looks at what no load looks at.
    LeftOut,
    /// It makes the scenario unfit: why.
    Unfit(&'static str),
}

const PLACE: &str = "a load goes to one environment and region, and this is another";
const SHAPE: &str = "tokens of this shape can be made by the simulated cloud of a conformance run only";
const NOBODY: &str = "nobody of this name is known to the vendor before the first step";
const TIME: &str = "time does not pass at the server of a load: a sign-in token does not end for this step";

/// What a step is in a journey. `people` are those of the scenario. None where the step cannot be read, which the decoder
/// has noted.
pub fn meaning(name: &str, value: &Node, decoder: &Decoder, home: Realm, people: &[String]) -> Option<StepMapping> {
    let of = |name: &str, make: fn(usize) -> JourneyAction| match people.iter().position(|known| known == name) {
        Some(person) => StepMapping::JourneyAction(make(person)),
        None => StepMapping::Unfit(NOBODY),
    };
    let at = |realm: Realm, act: JourneyAction| {
        if realm == home { StepMapping::JourneyAction(act) } else { StepMapping::Unfit(PLACE) }
    };
    let issue = |user: &str, bind: Option<String>| match people.iter().position(|known| known == user) {
        Some(person) => StepMapping::JourneyAction(JourneyAction::Issue { person, bind }),
        None => StepMapping::Unfit(NOBODY),
    };
    Some(match name {
        "signedIn" => of(&decoder.decode::<SignedIn>(value)?.user, JourneyAction::SignedIn),
        "signedInWithApiKey" => of(&decoder.decode::<SignedInWithApiKey>(value)?.user, JourneyAction::SignedInWithKey),
        "deleteUser" => of(&decoder.decode::<DeleteUser>(value)?.user, JourneyAction::DeleteUser),
        "issueToken" => {
            let step: IssueToken = decoder.decode(value)?;
            match (step.shape() == TokenShape::default(), step.realm(home) == home) {
                (false, _) => StepMapping::Unfit(SHAPE),
                (_, false) => StepMapping::Unfit(PLACE),
                _ => issue(&step.user, Some(step.bind)),
            }
        }
        "tokenRequest" => {
            let step: TokenRequest = decoder.decode(value)?;
            match step.is_plain() {
                true => issue(&step.user, step.bind),
                false => StepMapping::Unfit("a request of the app that is wrong on purpose is no load"),
            }
        }
        "signIn" => StepMapping::JourneyAction(JourneyAction::SignIn(decoder.decode::<SignIn>(value)?.token)),
        "request" => {
            let step: Request = decoder.decode(value)?;
            match step.body.is_empty() {
                true => StepMapping::JourneyAction(JourneyAction::Request(step.call)),
                false => {
                    StepMapping::Unfit("what answers hold is known of the simulated cloud of a conformance run only")
                }
            }
        }
        "setUserId" => {
            StepMapping::JourneyAction(JourneyAction::SetUserId(decoder.decode::<SetUserId>(value)?.user_id))
        }
        "configure" if value.as_map().is_none_or(<[_]>::is_empty) => {
            StepMapping::JourneyAction(JourneyAction::Configure)
        }
        "signOut" => StepMapping::JourneyAction(JourneyAction::SignOut),
        "refresh" => StepMapping::JourneyAction(JourneyAction::Refresh),
        "relaunch" | "reboot" => StepMapping::JourneyAction(JourneyAction::Relaunch),
        "expire" => match decoder.decode::<Expire>(value)?.what {
            Token::AccessToken => StepMapping::JourneyAction(JourneyAction::Expire),
            Token::SignInToken => StepMapping::Unfit(TIME),
        },
        "advance" => match humantime::parse_duration(&decoder.decode::<Advance>(value)?.by) {
            Ok(by) => StepMapping::JourneyAction(JourneyAction::Advance(by)),
            Err(_) => StepMapping::Unfit("this is not a duration"),
        },
        "clientExchange" => {
            let step: Exchange = decoder.decode(value)?;
            at(step.realm(home), JourneyAction::ClientExchange(step.0))
        }
        "clientRefresh" => {
            let step: Refresh = decoder.decode(value)?;
            at(step.realm(home), JourneyAction::ClientRefresh(step.0))
        }
        "clientCall" => {
            let step: ClientCall = decoder.decode(value)?;
            at(step.realm(home), JourneyAction::ClientCall(Box::new(step)))
        }
        "forgeToken" => StepMapping::JourneyAction(JourneyAction::Forge(decoder.decode(value)?)),
        "status" | "statusChanges" | "currentUser" | "storage" | "checkToken" => StepMapping::LeftOut,
        other => StepMapping::Unfit(why(other)),
    })
}

/// Why a kind of step cannot be made in a load.
fn why(name: &str) -> &'static str {
    match name {
        "kill" | "launch" | "crash" | "reinstall" | "corruptStorage" | "lockStorage" | "unlockStorage" => {
            "a journey's users have no process to kill and no storage to harm"
        }
        "fault" | "clearFaults" | "release" | "network" | "unreachable" => {
            "a load harms nothing on the way: what is measured is the server"
        }
        "app" | "reconcile" | "identify" => "a journey has no app with a logic of its own",
        "start" | "await" | "cancel" | "parallel" | "pause" => {
            "a journey's user makes one call after the other; many at once come from many users"
        }
        "revoke" | "refuseAccessTokens" | "undoDelete" => {
            "a load cannot have the server do this behind its users' backs"
        }
        "configure" => "an API key or place other than the team's own is no load",
        "clockSkew" => "a journey's users have right clocks",
        "vendorUsers" => "other users of the load are counted too",
        "presentToken" => "a token at a host where it does not belong is no load",
        "clientMalformed" => "a request that is broken on purpose is no load",
        _ => "no load can do this",
    }
}
