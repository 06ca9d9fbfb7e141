//! The actions of walks, and their parameters: persons, places and injected faults.

use std::time::Duration;
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{Environment, Realm, Region};
use vouch_spec::step::{BackupContent, Forgery};

/// A user of the customer's team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Person {
    Ada,
    Bob,
}

pub const PEOPLE: [Person; 2] = [Person::Ada, Person::Bob];

impl Person {
    pub fn name(self) -> &'static str {
        match self {
            Person::Ada => "ada",
            Person::Bob => "bob",
        }
    }

    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Person::Ada => Person::Bob,
            Person::Bob => Person::Ada,
        }
    }
}

/// A realm relative to the team's own environment and region, for example the origin of a sign-in token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    Home,
    OtherRegion,
    OtherEnvironment,
}

impl Place {
    /// The realm of a place.
    pub fn seen_from(self, home: Realm) -> Realm {
        match self {
            Place::Home => home,
            Place::OtherRegion => {
                Realm { region: if home.region == Region::Us { Region::Eu } else { Region::Us }, ..home }
            }
            Place::OtherEnvironment => {
                let production = home.environment == Environment::Production;
                let environment = if production { Environment::Sandbox } else { Environment::Production };
                Realm { environment, ..home }
            }
        }
    }
}

/// A fault that is injected once, at the next matching HTTP call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InjectedFault {
    LoseRequest,
    LoseResponse,
    /// The server returns this status and does nothing.
    Status(u16),
    /// The server performs the call, and returns 200 with a body that is not JSON.
    Garbage,
    /// The server returns this status, with this Retry-After in seconds.
    RetryAfter(u16, u64),
    /// The server returns this status to every attempt of the call.
    PersistentStatus(u16),
    /// The server returns 200 with fields of wrong types.
    WrongTypes,
    /// The server never responds.
    NoResponse,
}

impl InjectedFault {
    /// The Retry-After time, if it is longer than a caller would wait. The next call is then refused, and after it the clock
    /// advances by this time.
    pub fn long_wait(self) -> Option<Duration> {
        match self {
            InjectedFault::RetryAfter(_, seconds) if seconds > 60 => Some(Duration::from_secs(seconds)),
            _ => None,
        }
    }
}

/// The state of the previous user's call when the next user signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LastCall {
    /// Its refresh is in flight.
    Refreshing,
    /// The API has refused it, and the response is in flight.
    Refused,
    /// Its refresh got a Retry-After of one day.
    RetryTomorrow,
    /// The user was deleted, and the refresh that reports it is in flight.
    Deleted,
}

/// The kind of HTTP call that a fault applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultTarget {
    Refresh,
    Api,
}

/// One action of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    SignIn(Person, Place),
    SignInWithFault(Person, InjectedFault),
    /// A sign-in with a forged token.
    SignInForged(Forgery),
    /// A sign-in with an expired token.
    SignInExpiredToken(Person),
    /// A sign-in with a token whose user id has the other letter case than in the tokens before.
    SignInOtherCase(Person),
    /// A sign-in at another place, a call there, and a sign-out.
    SignInElsewhere(Person, Place),
    /// Two persons sign in at the same time.
    ParallelSignIns,
    /// A sign-out while the exchange is in flight.
    SignOutDuringSignIn(Person),
    /// The status is read while the exchange is in flight.
    SignInCheckedMidway(Person),
    /// A sign-out and the sign-in of another user, while a call of the previous user is in this state.
    NextUser(Person, LastCall),
    Identify(Person),
    SignOut,
    UseKey(Person),
    /// `setUserId` while another user is signed in by API key.
    SetUser(Person),
    /// `configure` with the key of another environment or region.
    UseForeignKey(Place),
    /// `setUserId` before `configure`.
    SetUserWithoutKey,
    /// An API call for the SDK's own user.
    Call,
    /// An API call for a resource of the SDK's own user.
    CallSummary,
    /// An API call for another user's resource.
    CallOther,
    /// An API call for a resource of the team.
    CallTeam,
    CallWithFault(FaultTarget, InjectedFault),
    /// Several concurrent calls.
    ParallelCalls,
    /// Concurrent calls with an expired token, and a sign-out during them.
    SignOutDuringCalls,
    /// Several concurrent calls with an access token that the vendor refuses.
    ParallelCallsRefused,
    /// Two calls with a refused access token. The refusal of one arrives after the other was refreshed and completed.
    LateRefusal,
    /// The user is deleted, and one caller waits for another's refresh, which reports the deletion.
    DeletedWhileWaiting,
    /// Two calls in sequence.
    CallTwice,
    /// A call with an expired token while storage is locked, a call after it is unlocked, and a relaunch.
    LockedCall,
    /// A sign-out while storage is locked, and another one after it is unlocked if the first is refused.
    LockedSignOut,
    Refresh,
    Relaunch,
    Kill,
    Reboot,
    /// A launch before the first unlock of the device, and then the unlock.
    LockedLaunch,
    /// All items of a storage area are overwritten while the app does not run. Then the app launches and signs out.
    CorruptStorage(Area),
    Reinstall,
    /// The previous build is installed, a person signs in there, and the app is updated.
    UpdatedSignIn(Person),
    /// The same with the API key.
    UpdatedKey(Person),
    /// The same as `UpdatedSignIn`, and the first launch after the update crashes instead of its n-th write to storage.
    CrashInUpdate(Person, u32),
    /// A backup is restored on a new device.
    Restore(BackupContent),
    /// A second process on the same storage calls with an expired token, and then the app calls.
    SecondProcessCall,
    SecondProcessSignOut,
    SecondProcessSignIn(Person),
    /// The app is launched in the background with an expired token, makes a call, and is killed.
    WokenAndKilled,
    /// The same before the first unlock of the device.
    WokenWhileLocked,
    /// The app is launched in the background before the first unlock, makes a call, and comes to the foreground after it.
    OpenedAfterWake,
    /// The process crashes instead of its n-th write to storage.
    CrashInSignIn(Person, u32),
    CrashInCall(u32),
    CrashInSignOut(u32),
    Offline,
    Online,
    /// The access token expires.
    ExpireAccessToken,
    /// Several days pass.
    AdvanceDays,
    Delete(Person),
    UndoDelete(Person),
    Revoke,
    RefuseAccessTokens,
    AppUser(Option<Person>),
    Reconcile,
    /// A request of a client other than the SDK to the vendor.
    Client(ClientRequest),
    /// A request of an app to the customer's backend.
    Backend(BackendRequest),
}

impl Action {
    /// The name of the action without its parameters.
    pub fn kind(&self) -> String {
        let reported = format!("{self:?}");
        reported.split('(').next().unwrap_or_default().to_owned()
    }

    /// A simpler action that shrinking tries instead, if there is one.
    pub fn simpler(&self) -> Option<Self> {
        match *self {
            Action::SignInWithFault(person, _)
            | Action::SignInOtherCase(person)
            | Action::SignInCheckedMidway(person)
            | Action::CrashInSignIn(person, _)
            | Action::Identify(person) => Some(Action::SignIn(person, Place::Home)),
            Action::NextUser(next, _) => Some(Action::SignIn(next, Place::Home)),
            Action::UpdatedSignIn(person) | Action::SecondProcessSignIn(person) => {
                Some(Action::SignIn(person, Place::Home))
            }
            Action::UpdatedKey(person) => Some(Action::UseKey(person)),
            Action::CrashInUpdate(person, _) => Some(Action::UpdatedSignIn(person)),
            Action::CallSummary
            | Action::SecondProcessCall
            | Action::CallOther
            | Action::CallTeam
            | Action::CallWithFault(..)
            | Action::ParallelCalls
            | Action::ParallelCallsRefused
            | Action::LateRefusal
            | Action::CallTwice
            | Action::LockedCall
            | Action::CrashInCall(_)
            | Action::Refresh => Some(Action::Call),
            Action::DeletedWhileWaiting
            | Action::SecondProcessSignOut
            | Action::SignOutDuringCalls
            | Action::LockedSignOut
            | Action::CrashInSignOut(_) => Some(Action::SignOut),
            Action::Kill
            | Action::Reboot
            | Action::Restore(_)
            | Action::LockedLaunch
            | Action::WokenAndKilled
            | Action::WokenWhileLocked
            | Action::OpenedAfterWake => Some(Action::Relaunch),
            Action::AdvanceDays => Some(Action::ExpireAccessToken),
            _ => None,
        }
    }
}

/// A request to a backend for a sign-in token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BackendRequest {
    Valid(Person),
    WithoutCredential,
    WithGarbage,
    /// The request names the other person in the query, in the body or in a header.
    OtherUserInQuery(Person),
    OtherUserInBody(Person),
    OtherUserInHeader(Person),
    /// Several concurrent requests for a user whom the vendor does not know yet.
    ParallelNewUser,
    /// The look-up returns 404, as if the user had been created just after it.
    LookupRace(Person),
    /// The look-up of a new user fails with this status.
    FailedLookup(u16),
    /// The issuance fails with this status, and the vendor's response quotes the API key.
    FailedIssuance(u16),
    GarbledIssuance,
    /// The vendor never responds to the issuance.
    SilentIssuance,
}

/// A request of a client other than the SDK, which the vendor must refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientRequest {
    /// The session's access token at a host of another environment or region.
    AccessTokenAt(Place),
    /// The session's access token after its lifetime.
    ExpiredAccessToken,
    /// The sign-in token that started the session, a second time.
    SignInTokenAgain,
    /// A refresh token that was replaced by rotation.
    OldRefreshToken,
    /// A malformed request to the token endpoint.
    Garbage,
    /// The creation of a second user with the same client user id.
    DuplicateUser,
    /// An API call without a credential.
    NoCredential,
    /// An API call with an unknown key.
    UnknownKey,
    /// The team's own key at a host of another environment or region.
    KeyAt(Place),
    /// The creation of a user without a client user id.
    UserWithoutClientId,
    /// The issuance of a sign-in token for an unknown user.
    TokenForUnknownUser,
    /// An exchange of a sign-in token with the algorithm `none`.
    UnsignedToken,
    /// A user's access token in calls that only the team may make: reading metrics, and creating a user.
    Metrics,
    NewUser,
}

/// An unknown API key and an unknown user id.
pub(super) const UNKNOWN_KEY: &str = "pk_us_nobody_issued_this";
pub(super) const UNKNOWN_USER: &str = "00000000-0000-4000-8000-000000000000";
