//! Every act that there is.

use super::act::{Act, Ask, Forged, On, PEOPLE, Parting, Place, Strike, Try};
use vouch_spec::protocol::message::Area;

/// Strikes at an exchange or a refresh.
const AT_AUTH: [Strike; 12] = [
    Strike::Silence,
    Strike::LoseRequest,
    Strike::LoseResponse,
    Strike::Status(503),
    Strike::Status(403),
    Strike::Status(418),
    Strike::Garbage,
    Strike::Status(500),
    Strike::Busy(429, 5),
    Strike::Busy(429, 1),
    Strike::Busy(503, 600),
    Strike::Lasting(503),
];
/// Strikes at an API call.
const AT_API: [Strike; 10] = [
    Strike::Silence,
    Strike::Lasting(401),
    Strike::LoseRequest,
    Strike::LoseResponse,
    Strike::Status(401),
    Strike::Status(403),
    Strike::Status(404),
    Strike::Status(503),
    Strike::Busy(429, 30),
    Strike::Garbage,
];

/// Every act that there is.
pub fn all_acts() -> Vec<Act> {
    let mut acts = vec![
        Act::SignOut,
        Act::Call,
        Act::CallSummary,
        Act::CallOther,
        Act::Crowd,
        Act::CrowdSignOut,
        Act::CrowdRefused,
        Act::LateRefusal,
        Act::WaitDeleted,
        Act::CallTwice,
        Act::LockedCall,
        Act::LockedSignOut,
        Act::Refresh,
        Act::Relaunch,
        Act::Kill,
        Act::Reboot,
        Act::Reinstall,
        Act::Offline,
        Act::Online,
        Act::Hour,
        Act::Days,
        Act::Revoke,
        Act::RefuseAccessTokens,
        Act::AppUser(None),
        Act::Reconcile,
        Act::SignInBoth,
        Act::UserWithoutKey,
        Act::CallTeam,
        Act::LockedLaunch,
        Act::Damage(Area::Plain),
        Act::Damage(Area::Secure),
    ];
    let elsewhere = [Place::OtherRegion, Place::OtherEnvironment];
    acts.extend(elsewhere.map(Act::UseForeignKey));
    acts.extend(elsewhere.map(|place| Act::Client(Try::AccessTokenAt(place))));
    acts.extend(elsewhere.map(|place| Act::Client(Try::KeyAt(place))));
    let tries = [
        Try::ExpiredAccessToken,
        Try::SignInTokenAgain,
        Try::OldRefreshToken,
        Try::Garbage,
        Try::Twin,
        Try::NoCredential,
        Try::MadeUpKey,
        Try::NamelessUser,
        Try::TokenForNobody,
        Try::UnsignedToken,
        Try::Metrics,
        Try::NewUser,
    ];
    acts.extend(tries.map(Act::Client));
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
    acts.extend(forged.map(Act::SignInForged));
    let asks = [
        Ask::WithoutCredential,
        Ask::WithGarbage,
        Ask::NewcomerCrowd,
        Ask::FailedLookUp(401),
        Ask::FailedLookUp(500),
        Ask::FailedIssuance(400),
        Ask::FailedIssuance(503),
        Ask::GarbledIssuance,
        Ask::SilentIssuance,
    ];
    acts.extend(asks.map(Act::Backend));
    for who in PEOPLE {
        let asks = [
            Ask::Rightly(who),
            Ask::NamingInQuery(who),
            Ask::NamingInBody(who),
            Ask::NamingInHeader(who),
            Ask::Raced(who),
        ];
        acts.extend(asks.map(Act::Backend));
        let places = [Place::Home, Place::OtherRegion, Place::OtherEnvironment];
        acts.extend(places.map(|place| Act::SignIn(who, place)));
        acts.extend(elsewhere.map(|place| Act::SignInAbroad(who, place)));
        acts.extend(AT_AUTH.map(|strike| Act::SignInStruck(who, strike)));
        acts.extend([
            Act::SignInLate(who),
            Act::SignInOtherCase(who),
            Act::SignInSignOut(who),
            Act::SignInWatched(who),
            Act::NextUser(who, Parting::Refreshing),
            Act::NextUser(who, Parting::Refused),
            Act::NextUser(who, Parting::ToldToWait),
            Act::NextUser(who, Parting::Deleted),
            Act::Identify(who),
            Act::UseKey(who),
            Act::SetUser(who),
            Act::Delete(who),
            Act::Undo(who),
            Act::AppUser(Some(who)),
        ]);
        acts.extend((1..=8).map(|write| Act::CrashInSignIn(who, write)));
    }
    acts.extend(AT_AUTH.map(|strike| Act::CallStruck(On::Refresh, strike)));
    acts.extend(AT_API.map(|strike| Act::CallStruck(On::Api, strike)));
    acts.extend((1..=4).flat_map(|write| [Act::CrashInCall(write), Act::CrashInSignOut(write)]));
    acts
}
