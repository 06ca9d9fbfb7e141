//! The vocabulary of walks: people, places, actions, and what can go wrong.

use std::time::Duration;
use vouch_spec::protocol::message::Area;
use vouch_spec::protocol::{Environment, Realm, Region};
use vouch_spec::step::Forgery;

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

    pub fn other(self) -> Self {
        match self {
            Person::Ada => Person::Bob,
            Person::Bob => Person::Ada,
        }
    }
}

/// Where a sign-in token comes from, seen from the team's own environment and region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    Home,
    OtherRegion,
    OtherEnvironment,
}

impl Place {
    /// Where that is.
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

/// What goes wrong once, at the next exchange of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InjectedFault {
    LoseRequest,
    LoseResponse,
    /// The server answers this status and does nothing.
    Status(u16),
    /// The server does its part and answers 200 with something that is not JSON.
    Garbage,
    /// This status with a Retry-After of so many seconds.
    RetryAfter(u16, u64),
    /// The server answers this status to every try of the call.
    PersistentStatus(u16),
    /// The server answers 200 with fields of wrong types.
    WrongTypes,
    /// Nothing ever comes back.
    NoResponse,
}

impl InjectedFault {
    /// How long a server wants to be left alone, where that is longer than a caller would wait: the next call is refused,
    /// and then the time passes.
    pub fn long_wait(self) -> Option<Duration> {
        match self {
            InjectedFault::RetryAfter(_, seconds) if seconds > 60 => Some(Duration::from_secs(seconds)),
            _ => None,
        }
    }
}

/// What becomes of a user's last call when the next user comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LastCall {
    /// Its refresh is under way.
    Refreshing,
    /// Its refusal is under way.
    Refused,
    /// Its refresh was asked to come again tomorrow.
    RetryTomorrow,
    /// It was deleted, and its refresh, which will tell so, is under way.
    Deleted,
}

/// The kinds of exchange that a strike waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultTarget {
    Refresh,
    Api,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    SignIn(Person, Place),
    SignInWithFault(Person, InjectedFault),
    /// With a token that is broken in some way.
    SignInForged(Forgery),
    /// With a token that was issued long ago.
    SignInExpiredToken(Person),
    /// With a token that writes the user id in the other letter case than those before.
    SignInOtherCase(Person),
    /// At another place, with a call there, and out again.
    SignInElsewhere(Person, Place),
    /// Two people at once.
    ParallelSignIns,
    /// A sign-out while the exchange is under way.
    SignOutDuringSignIn(Person),
    /// A look at the status while the exchange is under way.
    SignInCheckedMidway(Person),
    /// Another user in place of the one who is signed in, whose last call goes so.
    NextUser(Person, LastCall),
    Identify(Person),
    SignOut,
    UseKey(Person),
    /// `setUserId` while somebody else is signed in by API key.
    SetUser(Person),
    /// `configure` with the key of another environment or region.
    UseForeignKey(Place),
    /// `setUserId` before `configure`.
    SetUserWithoutKey,
    /// An API call for the SDK's own user.
    Call,
    /// One for a resource of that user.
    CallSummary,
    /// An API call for somebody else's resource.
    CallOther,
    /// An API call for what belongs to the team.
    CallTeam,
    CallWithFault(FaultTarget, InjectedFault),
    /// Several calls at once.
    ParallelCalls,
    /// Calls with an expired token, and a sign-out in their middle.
    SignOutDuringCalls,
    /// Several calls at once, whose access token the vendor refuses.
    ParallelCallsRefused,
    /// Two, of which one hears of it only after the other has been refreshed and answered.
    LateRefusal,
    /// The user is deleted, and one caller waits for the refresh of another that tells of it.
    DeletedWhileWaiting,
    /// One call after the other.
    CallTwice,
    /// A call with an expired token while storage is locked, one when it is open again, and the process's end.
    LockedCall,
    /// A sign-out while storage is locked, and one when it is open again.
    LockedSignOut,
    Refresh,
    Relaunch,
    Kill,
    Reboot,
    /// A launch before the device was unlocked for the first time, and then the unlocking.
    LockedLaunch,
    /// What lies in a storage area is overwritten while the app does not run; it signs out afterwards.
    CorruptStorage(Area),
    Reinstall,
    /// The process dies instead of its n-th write to storage.
    CrashInSignIn(Person, u32),
    CrashInCall(u32),
    CrashInSignOut(u32),
    Offline,
    Online,
    /// The access token expires.
    ExpireAccessToken,
    /// It expired long ago.
    AdvanceDays,
    Delete(Person),
    UndoDelete(Person),
    Revoke,
    RefuseAccessTokens,
    AppUser(Option<Person>),
    Reconcile,
    /// What a client other than the SDK tries at the vendor.
    Client(ClientRequest),
    /// What an app asks of the customer's backend.
    Backend(BackendRequest),
}

impl Action {
    /// What kind of action it is, in a word.
    pub fn kind(&self) -> String {
        let reported = format!("{self:?}");
        reported.split('(').next().unwrap_or_default().to_owned()
    }

    /// The plain form of an action that is odd in some way, if it is.
    pub fn simpler(&self) -> Option<Self> {
        match *self {
            Action::SignInWithFault(person, _)
            | Action::SignInOtherCase(person)
            | Action::SignInCheckedMidway(person)
            | Action::CrashInSignIn(person, _)
            | Action::Identify(person) => Some(Action::SignIn(person, Place::Home)),
            Action::NextUser(next, _) => Some(Action::SignIn(next, Place::Home)),
            Action::CallSummary
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
            | Action::SignOutDuringCalls
            | Action::LockedSignOut
            | Action::CrashInSignOut(_) => Some(Action::SignOut),
            Action::Kill | Action::Reboot | Action::LockedLaunch => Some(Action::Relaunch),
            Action::AdvanceDays => Some(Action::ExpireAccessToken),
            _ => None,
        }
    }
}

/// Ways to ask a backend for a sign-in token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BackendRequest {
    Valid(Person),
    WithoutCredential,
    WithGarbage,
    /// Naming the other person in the query, in the body, in a header.
    OtherUserInQuery(Person),
    OtherUserInBody(Person),
    OtherUserInHeader(Person),
    /// Somebody whom the vendor does not know yet, several times at once.
    ParallelNewUser,
    /// The look-up says that there is nobody, as it would have just before.
    LookupRace(Person),
    /// The look-up of a newcomer fails.
    FailedLookup(u16),
    /// The issuance fails, and the vendor's answer quotes the API key.
    FailedIssuance(u16),
    GarbledIssuance,
    /// The issuance is never answered.
    SilentIssuance,
}

/// What must not work, whoever tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientRequest {
    /// The session's access token at a host of another environment or region.
    AccessTokenAt(Place),
    /// Its access token after its lifetime.
    ExpiredAccessToken,
    /// The sign-in token that began the session, once more.
    SignInTokenAgain,
    /// A refresh token that was rotated out.
    OldRefreshToken,
    /// Garbage at the token endpoint.
    Garbage,
    /// A second user under a client user id.
    DuplicateUser,
    /// The API without a credential.
    NoCredential,
    /// The API with a key that nobody issued.
    UnknownKey,
    /// The team's own key at a host of another environment or region.
    KeyAt(Place),
    /// A user without a client user id.
    UserWithoutClientId,
    /// A sign-in token for a user that there is not.
    TokenForUnknownUser,
    /// A sign-in token whose algorithm is none, at the token endpoint.
    UnsignedToken,
    /// A user's access token for what only the team may read, and what only it may write.
    Metrics,
    NewUser,
}

/// A key that nobody issued, and a user that there is not.
pub(super) const UNKNOWN_KEY: &str = "pk_us_nobody_issued_this";
pub(super) const UNKNOWN_USER: &str = "00000000-0000-4000-8000-000000000000";
