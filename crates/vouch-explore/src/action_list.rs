//! Every action that there is.

use super::action::{Action, BackendRequest, ClientRequest, Forged, InjectedFault, On, PEOPLE, Parting, Place};
use vouch_spec::protocol::message::Area;

/// Strikes at an exchange or a refresh.
const AT_AUTH: [InjectedFault; 12] = [
    InjectedFault::Silence,
    InjectedFault::LoseRequest,
    InjectedFault::LoseResponse,
    InjectedFault::Status(503),
    InjectedFault::Status(403),
    InjectedFault::Status(418),
    InjectedFault::Garbage,
    InjectedFault::Status(500),
    InjectedFault::Busy(429, 5),
    InjectedFault::Busy(429, 1),
    InjectedFault::Busy(503, 600),
    InjectedFault::Lasting(503),
];
/// Strikes at an API call.
const AT_API: [InjectedFault; 10] = [
    InjectedFault::Silence,
    InjectedFault::Lasting(401),
    InjectedFault::LoseRequest,
    InjectedFault::LoseResponse,
    InjectedFault::Status(401),
    InjectedFault::Status(403),
    InjectedFault::Status(404),
    InjectedFault::Status(503),
    InjectedFault::Busy(429, 30),
    InjectedFault::Garbage,
];

/// Every action that there is.
pub fn all_actions() -> Vec<Action> {
    let mut actions = vec![
        Action::SignOut,
        Action::Call,
        Action::CallSummary,
        Action::CallOther,
        Action::Crowd,
        Action::CrowdSignOut,
        Action::CrowdRefused,
        Action::LateRefusal,
        Action::WaitDeleted,
        Action::CallTwice,
        Action::LockedCall,
        Action::LockedSignOut,
        Action::Refresh,
        Action::Relaunch,
        Action::Kill,
        Action::Reboot,
        Action::Reinstall,
        Action::Offline,
        Action::Online,
        Action::Hour,
        Action::Days,
        Action::Revoke,
        Action::RefuseAccessTokens,
        Action::AppUser(None),
        Action::Reconcile,
        Action::SignInBoth,
        Action::UserWithoutKey,
        Action::CallTeam,
        Action::LockedLaunch,
        Action::Damage(Area::Plain),
        Action::Damage(Area::Secure),
    ];
    let elsewhere = [Place::OtherRegion, Place::OtherEnvironment];
    actions.extend(elsewhere.map(Action::UseForeignKey));
    actions.extend(elsewhere.map(|place| Action::Client(ClientRequest::AccessTokenAt(place))));
    actions.extend(elsewhere.map(|place| Action::Client(ClientRequest::KeyAt(place))));
    let tries = [
        ClientRequest::ExpiredAccessToken,
        ClientRequest::SignInTokenAgain,
        ClientRequest::OldRefreshToken,
        ClientRequest::Garbage,
        ClientRequest::Twin,
        ClientRequest::NoCredential,
        ClientRequest::MadeUpKey,
        ClientRequest::NamelessUser,
        ClientRequest::TokenForNobody,
        ClientRequest::UnsignedToken,
        ClientRequest::Metrics,
        ClientRequest::NewUser,
    ];
    actions.extend(tries.map(Action::Client));
    let forged = [
        Forged::NotBase64,
        Forged::AlgorithmNone,
        Forged::AlgorithmHs256,
        Forged::AlgorithmEs256,
        Forged::ForeignIssuer,
        Forged::LookalikeIssuer,
        Forged::NoUser,
        Forged::BadSignature,
    ];
    actions.extend(forged.map(Action::SignInForged));
    let asks = [
        BackendRequest::WithoutCredential,
        BackendRequest::WithGarbage,
        BackendRequest::NewcomerCrowd,
        BackendRequest::FailedLookUp(401),
        BackendRequest::FailedLookUp(500),
        BackendRequest::FailedIssuance(400),
        BackendRequest::FailedIssuance(503),
        BackendRequest::GarbledIssuance,
        BackendRequest::SilentIssuance,
    ];
    actions.extend(asks.map(Action::Backend));
    for who in PEOPLE {
        let asks = [
            BackendRequest::Rightly(who),
            BackendRequest::NamingInQuery(who),
            BackendRequest::NamingInBody(who),
            BackendRequest::NamingInHeader(who),
            BackendRequest::Raced(who),
        ];
        actions.extend(asks.map(Action::Backend));
        let places = [Place::Home, Place::OtherRegion, Place::OtherEnvironment];
        actions.extend(places.map(|place| Action::SignIn(who, place)));
        actions.extend(elsewhere.map(|place| Action::SignInAbroad(who, place)));
        actions.extend(AT_AUTH.map(|strike| Action::SignInStruck(who, strike)));
        actions.extend([
            Action::SignInLate(who),
            Action::SignInOtherCase(who),
            Action::SignInSignOut(who),
            Action::SignInWatched(who),
            Action::NextUser(who, Parting::Refreshing),
            Action::NextUser(who, Parting::Refused),
            Action::NextUser(who, Parting::ToldToWait),
            Action::NextUser(who, Parting::Deleted),
            Action::Identify(who),
            Action::UseKey(who),
            Action::SetUser(who),
            Action::Delete(who),
            Action::Undo(who),
            Action::AppUser(Some(who)),
        ]);
        actions.extend((1..=8).map(|write| Action::CrashInSignIn(who, write)));
    }
    actions.extend(AT_AUTH.map(|strike| Action::CallStruck(On::Refresh, strike)));
    actions.extend(AT_API.map(|strike| Action::CallStruck(On::Api, strike)));
    actions.extend((1..=4).flat_map(|write| [Action::CrashInCall(write), Action::CrashInSignOut(write)]));
    actions
}
