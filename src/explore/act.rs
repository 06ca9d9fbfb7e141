//! The vocabulary of walks: people, places, acts, and what can go wrong.

use crate::protocol::{Environment, Realm, Region};
use std::time::Duration;

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
pub enum Strike {
    LoseRequest,
    LoseResponse,
    /// The server answers this status and does nothing.
    Status(u16),
    /// The server does its part and answers 200 with something that is not JSON.
    Garbage,
    /// This status with a Retry-After of so many seconds.
    Busy(u16, u64),
    /// The server answers this status to every try of the call.
    Lasting(u16),
    /// The server answers 200 with fields of wrong types.
    WrongTypes,
}

impl Strike {
    /// How long a server wants to be left alone, where that is longer than a caller would wait: the next call is refused,
    /// and then the time passes.
    pub fn long_wait(self) -> Option<Duration> {
        match self {
            Strike::Busy(_, seconds) if seconds > 60 => Some(Duration::from_secs(seconds)),
            _ => None,
        }
    }
}

/// What becomes of a user's last call when the next user comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Parting {
    /// Its refresh is under way.
    Refreshing,
    /// Its refusal is under way.
    Refused,
    /// Its refresh was asked to come again tomorrow.
    ToldToWait,
}

/// The kinds of exchange that a strike waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum On {
    Refresh,
    Api,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Act {
    SignIn(Person, Place),
    SignInStruck(Person, Strike),
    /// With a token that is broken in some way.
    SignInForged(Forged),
    /// With a token that was issued long ago.
    SignInLate(Person),
    /// Two people at once.
    SignInBoth,
    /// A sign-out while the exchange is under way.
    SignInSignOut(Person),
    /// A look at the status while the exchange is under way.
    SignInWatched(Person),
    /// Another user in place of the one who is signed in, whose last call goes so.
    NextUser(Person, Parting),
    Identify(Person),
    SignOut,
    UseKey(Person),
    /// `setUserId` while somebody else is signed in by API key.
    SetUser(Person),
    /// `configure` with the key of another environment or region.
    UseForeignKey(Place),
    /// `setUserId` before `configure`.
    UserWithoutKey,
    /// An API call for the SDK's own user.
    Call,
    /// One for a resource of that user.
    CallSummary,
    /// An API call for somebody else's resource.
    CallOther,
    /// An API call for what belongs to the team.
    CallTeam,
    CallStruck(On, Strike),
    /// Several calls at once.
    Crowd,
    /// Calls with an expired token, and a sign-out in their middle.
    CrowdSignOut,
    /// Several calls at once, whose access token the vendor refuses.
    CrowdRefused,
    /// Two, of which one hears of it only after the other has been refreshed and answered.
    LateRefusal,
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
    Reinstall,
    /// The process dies instead of its n-th write to storage.
    CrashInSignIn(Person, u32),
    CrashInCall(u32),
    CrashInSignOut(u32),
    Offline,
    Online,
    /// The access token expires.
    Hour,
    /// It expired long ago.
    Days,
    Delete(Person),
    Undo(Person),
    Revoke,
    RefuseAccessTokens,
    AppUser(Option<Person>),
    Reconcile,
    /// What a client other than the SDK tries at the vendor.
    Client(Try),
    /// What an app asks of the customer's backend.
    Backend(Ask),
}

impl Act {
    /// What kind of act it is, in a word.
    pub fn kind(&self) -> String {
        let told = format!("{self:?}");
        told.split('(').next().unwrap_or_default().to_owned()
    }
}

/// Ways to ask a backend for a sign-in token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ask {
    Rightly(Person),
    WithoutCredential,
    WithGarbage,
    /// Naming the other person in the query, in the body, in a header.
    NamingInQuery(Person),
    NamingInBody(Person),
    NamingInHeader(Person),
    /// Somebody whom the vendor does not know yet, several times at once.
    NewcomerCrowd,
    /// The look-up says that there is nobody, as it would have just before.
    Raced(Person),
    /// The look-up of a newcomer fails.
    FailedLookUp(u16),
    /// The issuance fails, and the vendor's answer quotes the API key.
    FailedIssuance(u16),
    GarbledIssuance,
}

/// Ways to break a sign-in token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Forged {
    NotBase64,
    AlgorithmNone,
    AlgorithmHs256,
    AlgorithmEs256,
    ForeignIssuer,
    LookalikeIssuer,
    NoUser,
    BadSignature,
}

/// What must not work, whoever tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Try {
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
    Twin,
    /// The API without a credential.
    NoCredential,
    /// The API with a key that nobody issued.
    MadeUpKey,
    /// The team's own key at a host of another environment or region.
    KeyAt(Place),
    /// A user without a client user id.
    NamelessUser,
    /// A sign-in token for a user that there is not.
    TokenForNobody,
    /// A sign-in token whose algorithm is none, at the token endpoint.
    UnsignedToken,
    /// A user's access token for what only the team may read, and what only it may write.
    Metrics,
    NewUser,
}

/// A key that nobody issued, and a user that there is not.
pub(super) const MADE_UP_KEY: &str = "pk_us_nobody_issued_this";
pub(super) const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// Strikes at an exchange or a refresh.
const AT_AUTH: [Strike; 11] = [
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
const AT_API: [Strike; 9] = [
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
pub fn acts() -> Vec<Act> {
    let mut acts = vec![
        Act::SignOut,
        Act::Call,
        Act::CallSummary,
        Act::CallOther,
        Act::Crowd,
        Act::CrowdSignOut,
        Act::CrowdRefused,
        Act::LateRefusal,
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
        acts.extend(AT_AUTH.map(|strike| Act::SignInStruck(who, strike)));
        acts.extend([
            Act::SignInLate(who),
            Act::SignInSignOut(who),
            Act::SignInWatched(who),
            Act::NextUser(who, Parting::Refreshing),
            Act::NextUser(who, Parting::Refused),
            Act::NextUser(who, Parting::ToldToWait),
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
