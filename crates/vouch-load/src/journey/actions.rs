//! Maps a scenario step to a journey: an action of the user, nothing, or the reason why a load cannot perform it.

use crate::endpoints::LoadCall;
use std::time::Duration;
use vouch_spec::duration;
use vouch_spec::protocol::Realm;
use vouch_spec::scenario::Text;
use vouch_spec::step::{ClientCall, ExpiringToken, ForgeToken, Forgery, GrantCall, Step, StepFields as _, TokenShape};

/// An action of a virtual user.
pub enum JourneyAction {
    /// Requests a sign-in token for a person, and binds it to a name.
    Issue {
        person: usize,
        bind: Option<String>,
    },
    SignIn(Text),
    /// Requests a sign-in token and exchanges it.
    SignedIn(usize),
    SignedInWithKey(usize),
    Configure,
    SetUserId(Text),
    SignOut,
    Refresh,
    Request(Text),
    Relaunch,
    /// Advances the user's clock until the access token has expired.
    Expire,
    /// Advances the user's clock.
    Advance(Duration),
    DeleteUser(usize),
    ClientExchange(GrantCall),
    ClientRefresh(GrantCall),
    ClientCall(Box<ClientCall>),
    Forge(ForgeToken),
}

impl JourneyAction {
    /// The checks of a conformance run that a journey leaves out.
    pub fn left_out(&self) -> Option<&'static str> {
        match self {
            JourneyAction::ClientExchange(grant) | JourneyAction::ClientRefresh(grant) if grant.looks_closer() => {
                Some("headers of token answers")
            }
            _ => None,
        }
    }

    /// The texts of the scenario in which variables are replaced.
    pub fn texts(&self) -> Vec<&Text> {
        match self {
            Self::SignIn(text) | Self::SetUserId(text) | Self::Request(text) => vec![text],
            Self::ClientExchange(grant) | Self::ClientRefresh(grant) => vec![&grant.token],
            Self::ClientCall(call) => {
                let optional = [call.bearer.as_ref(), call.key.as_ref(), call.body.as_ref()];
                let field = call.field.as_ref().map(|field| &field.is);
                std::iter::once(&call.call).chain(optional.into_iter().flatten()).chain(field).collect()
            }
            Self::Forge(forged) => vec![&forged.from],
            _ => vec![],
        }
    }

    /// The variables that have a value once it is done.
    pub fn binds(&self) -> Vec<String> {
        match self {
            Self::Issue { bind: Some(name), .. } => vec![name.clone(), format!("{name}.jwt")],
            Self::Forge(forged) => vec![forged.bind.clone(), format!("{}.jwt", forged.bind)],
            Self::ClientExchange(grant) | Self::ClientRefresh(grant) => {
                let name = grant.bind.iter();
                name.flat_map(|name| [format!("{name}.accessToken"), format!("{name}.refreshToken")]).collect()
            }
            _ => vec![],
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

/// A step in a journey.
pub enum StepMapping {
    JourneyAction(JourneyAction),
    /// The step is left out, because it inspects the SDK or a token.
    LeftOut,
    /// The step makes the scenario unfit, for this reason.
    Unfit(&'static str),
}

const PLACE: &str = "a load uses one environment and region, and this step uses another";
const SHAPE: &str = "only the mock cloud of a conformance run can issue tokens of this shape";
const NOBODY: &str = "the vendor has no user of this name before the first step";
const TIME: &str = "the clock of a load's server cannot be advanced, so a sign-in token does not expire for this step";

/// Maps a step. `people` are the persons of the scenario.
pub fn meaning(step: &Step, home: Realm, people: &[String]) -> StepMapping {
    let of = |name: &str, make: fn(usize) -> JourneyAction| match people.iter().position(|known| known == name) {
        Some(person) => StepMapping::JourneyAction(make(person)),
        None => StepMapping::Unfit(NOBODY),
    };
    let at = |realm: Realm, action: JourneyAction| {
        if realm == home { StepMapping::JourneyAction(action) } else { StepMapping::Unfit(PLACE) }
    };
    let issue = |user: &str, bind: Option<String>| match people.iter().position(|known| known == user) {
        Some(person) => StepMapping::JourneyAction(JourneyAction::Issue { person, bind }),
        None => StepMapping::Unfit(NOBODY),
    };
    let action = match step {
        Step::SignedIn(step) => return of(&step.user, JourneyAction::SignedIn),
        Step::SignedInWithApiKey(step) => return of(&step.user, JourneyAction::SignedInWithKey),
        Step::DeleteUser(step) => return of(&step.user, JourneyAction::DeleteUser),
        Step::IssueToken(step) => {
            return match (step.shape() == TokenShape::default(), step.realm(home) == home) {
                (false, _) => StepMapping::Unfit(SHAPE),
                (_, false) => StepMapping::Unfit(PLACE),
                _ => issue(&step.user, Some(step.bind.clone())),
            };
        }
        Step::TokenRequest(step) => {
            return match step.is_plain() {
                true => issue(&step.user, step.bind.clone()),
                false => StepMapping::Unfit("a load does not send token requests that are malformed on purpose"),
            };
        }
        Step::ClientExchange(step) => {
            return at(step.realm(home), JourneyAction::ClientExchange(step.0.clone()));
        }
        Step::ClientRefresh(step) => return at(step.realm(home), JourneyAction::ClientRefresh(step.0.clone())),
        Step::ClientCall(step) if step.call.0.trim_start().starts_with("POST /v2/user") => {
            return StepMapping::Unfit("each lifecycle would create the same vendor user again");
        }
        Step::ClientCall(step) => return at(step.realm(home), JourneyAction::ClientCall(step.clone())),
        Step::SignIn(step) => JourneyAction::SignIn(step.token.clone()),
        Step::Request(step) if step.body.is_empty() => JourneyAction::Request(step.call.clone()),
        Step::SetUserId(step) => JourneyAction::SetUserId(step.user_id.clone()),
        Step::Configure(step) if step.is_plain() => JourneyAction::Configure,
        Step::SignOut(_) => JourneyAction::SignOut,
        Step::Refresh(_) => JourneyAction::Refresh,
        Step::Relaunch(_) | Step::Reboot(_) => JourneyAction::Relaunch,
        Step::Expire(step) if step.session.is_some() => return StepMapping::Unfit(TIME),
        Step::Expire(step) => match step.what {
            ExpiringToken::AccessToken => JourneyAction::Expire,
            ExpiringToken::SignInToken => return StepMapping::Unfit(TIME),
        },
        Step::Advance(step) if step.foreground => return StepMapping::Unfit("the SDK of a journey has no timers"),
        Step::Advance(step) => match duration::parse_positive(&step.by) {
            Ok(by) => JourneyAction::Advance(by),
            Err(_) => return StepMapping::Unfit("this is not a duration"),
        },
        Step::ForgeToken(step) if needs_public_key(step.how) => {
            return StepMapping::Unfit("a load does not read the server's public key");
        }
        Step::ForgeToken(step) => JourneyAction::Forge((**step).clone()),
        Step::Status(_) | Step::StatusChanges(_) | Step::CurrentUser(_) | Step::Storage(_) | Step::CheckToken(_) => {
            return StepMapping::LeftOut;
        }
        other => return StepMapping::Unfit(why(other)),
    };
    StepMapping::JourneyAction(action)
}

fn needs_public_key(how: Forgery) -> bool {
    matches!(how, Forgery::Hs256PublicKeyPem | Forgery::Hs256PublicKeyPemTrimmed | Forgery::Hs256PublicKeyDer)
}

/// The reason why a load cannot perform a step.
fn why(step: &Step) -> &'static str {
    match step {
        Step::Kill(_)
        | Step::Launch(_)
        | Step::Wake(_)
        | Step::Crash(_)
        | Step::FailWrites(_)
        | Step::Reinstall(_)
        | Step::Update(_)
        | Step::Downgrade(_)
        | Step::Restore(_)
        | Step::SecondProcess(_)
        | Step::CorruptStorage(_)
        | Step::LockStorage(_)
        | Step::UnlockStorage(_) => "a journey kills no process and corrupts no storage: it measures the server",
        Step::Fault(_) | Step::ClearFaults(_) | Step::Release(_) | Step::Network(_) | Step::Unreachable(_) => {
            "a load injects no faults: it measures the server"
        }
        Step::AppUser(_) | Step::Reconcile(_) | Step::Identify(_) => "a journey has no app with logic of its own",
        Step::Start(_)
        | Step::Await(_)
        | Step::Cancel(_)
        | Step::Parallel(_)
        | Step::Either(_)
        | Step::Pause(_)
        | Step::Wait(_) => "a virtual user makes one call after the other; parallel calls come from many users",
        Step::Revoke(_) | Step::RefuseAccessTokens(_) | Step::UndoDelete(_) => {
            "a load cannot make the server do this while its users are active"
        }
        Step::Configure(_) => "a load uses the API key and the realm of its own team",
        Step::Request(_) => "the contents of responses are known only for the mock cloud of a conformance run",
        Step::ClockSkew(_) => "the virtual users of a journey have correct clocks",
        Step::VendorUsers(_) => "the count would include the other users of the load",
        Step::PresentToken(_) => "a load does not present tokens to other hosts",
        Step::ClientMalformed(_) => "a load does not send requests that are malformed on purpose",
        _ => "a load cannot perform it",
    }
}
