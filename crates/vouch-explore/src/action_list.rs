//! The list of all actions.

use super::action::{Action, BackendRequest, ClientRequest, FaultTarget, InjectedFault, LastCall, PEOPLE, Place};
use vouch_spec::protocol::message::Area;
use vouch_spec::step::{BackupContent, Forgery};

/// Faults of an exchange or a refresh.
const AT_AUTH: [InjectedFault; 12] = [
    InjectedFault::NoResponse,
    InjectedFault::LoseRequest,
    InjectedFault::LoseResponse,
    InjectedFault::Status(503),
    InjectedFault::Status(403),
    InjectedFault::Status(418),
    InjectedFault::Garbage,
    InjectedFault::Status(500),
    InjectedFault::RetryAfter(429, 5),
    InjectedFault::RetryAfter(429, 1),
    InjectedFault::RetryAfter(503, 600),
    InjectedFault::PersistentStatus(503),
];
/// Faults of an API call.
const AT_API: [InjectedFault; 10] = [
    InjectedFault::NoResponse,
    InjectedFault::PersistentStatus(401),
    InjectedFault::LoseRequest,
    InjectedFault::LoseResponse,
    InjectedFault::Status(401),
    InjectedFault::Status(403),
    InjectedFault::Status(404),
    InjectedFault::Status(503),
    InjectedFault::RetryAfter(429, 30),
    InjectedFault::Garbage,
];

#[expect(clippy::too_many_lines, reason = "a list")]
/// All actions.
pub fn all_actions() -> Vec<Action> {
    let mut actions = vec![
        Action::SignOut,
        Action::Call,
        Action::CallSummary,
        Action::CallOther,
        Action::ParallelCalls,
        Action::SignOutDuringCalls,
        Action::ParallelCallsRefused,
        Action::LateRefusal,
        Action::DeletedWhileWaiting,
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
        Action::ExpireAccessToken,
        Action::AdvanceDays,
        Action::Revoke,
        Action::RefuseAccessTokens,
        Action::AppUser(None),
        Action::Reconcile,
        Action::ParallelSignIns,
        Action::SetUserWithoutKey,
        Action::CallTeam,
        Action::LockedLaunch,
        Action::Restore(BackupContent::Plain),
        Action::Restore(BackupContent::Everything),
        Action::SecondProcessCall,
        Action::SecondProcessSignOut,
        Action::WokenAndKilled,
        Action::WokenWhileLocked,
        Action::OpenedAfterWake,
        Action::CorruptStorage(Area::Plain),
        Action::CorruptStorage(Area::Secure),
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
        ClientRequest::DuplicateUser,
        ClientRequest::NoCredential,
        ClientRequest::UnknownKey,
        ClientRequest::UserWithoutClientId,
        ClientRequest::TokenForUnknownUser,
        ClientRequest::UnsignedToken,
        ClientRequest::Metrics,
        ClientRequest::NewUser,
    ];
    actions.extend(tries.map(Action::Client));
    let forged = [
        Forgery::NotBase64,
        Forgery::AlgorithmNone,
        Forgery::AlgorithmHs256,
        Forgery::AlgorithmEs256,
        Forgery::ForeignIssuer,
        Forgery::LookalikeIssuer,
        Forgery::NoUser,
        Forgery::BadSignature,
    ];
    actions.extend(forged.map(Action::SignInForged));
    let asks = [
        BackendRequest::WithoutCredential,
        BackendRequest::WithGarbage,
        BackendRequest::ParallelNewUser,
        BackendRequest::FailedLookup(401),
        BackendRequest::FailedLookup(500),
        BackendRequest::FailedIssuance(400),
        BackendRequest::FailedIssuance(503),
        BackendRequest::GarbledIssuance,
        BackendRequest::SilentIssuance,
    ];
    actions.extend(asks.map(Action::Backend));
    for person in PEOPLE {
        let asks = [
            BackendRequest::Valid(person),
            BackendRequest::OtherUserInQuery(person),
            BackendRequest::OtherUserInBody(person),
            BackendRequest::OtherUserInHeader(person),
            BackendRequest::LookupRace(person),
        ];
        actions.extend(asks.map(Action::Backend));
        let places = [Place::Home, Place::OtherRegion, Place::OtherEnvironment];
        actions.extend(places.map(|place| Action::SignIn(person, place)));
        actions.extend(elsewhere.map(|place| Action::SignInElsewhere(person, place)));
        actions.extend(AT_AUTH.map(|fault| Action::SignInWithFault(person, fault)));
        actions.extend([
            Action::SignInExpiredToken(person),
            Action::SignInOtherCase(person),
            Action::SignOutDuringSignIn(person),
            Action::SignInCheckedMidway(person),
            Action::NextUser(person, LastCall::Refreshing),
            Action::NextUser(person, LastCall::Refused),
            Action::NextUser(person, LastCall::RetryTomorrow),
            Action::NextUser(person, LastCall::Deleted),
            Action::Identify(person),
            Action::UseKey(person),
            Action::SetUser(person),
            Action::Delete(person),
            Action::UndoDelete(person),
            Action::AppUser(Some(person)),
            Action::UpdatedSignIn(person),
            Action::UpdatedKey(person),
            Action::SecondProcessSignIn(person),
        ]);
        actions.extend((1..=8).map(|write| Action::CrashInUpdate(person, write)));
        actions.extend((1..=8).map(|write| Action::CrashInSignIn(person, write)));
    }
    actions.extend(AT_AUTH.map(|fault| Action::CallWithFault(FaultTarget::Refresh, fault)));
    actions.extend(AT_API.map(|fault| Action::CallWithFault(FaultTarget::Api, fault)));
    actions.extend((1..=4).flat_map(|write| [Action::CrashInCall(write), Action::CrashInSignOut(write)]));
    actions
}
