//! Why a session ended against the will of its user.

use crate::life::Fate;
use serde::Serialize;

/// The cause of a sign-out. Beyond what the provider ordered, it is the last disturbance before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// The provider revoked the session.
    Revoked,
    /// The session was not refreshed for longer than the idle limit.
    IdleLimit,
    /// The session was older than its lifetime.
    SessionLifetime,
    /// The answer to a refresh was lost.
    LostAnswer,
    /// The process ended during a refresh, after the server did its part.
    KilledInRefresh,
    /// The request of a refresh was lost, or there was no connection.
    NoConnection,
    /// The identity provider answered a refresh with an error of its own.
    ServerError,
    /// The app ran while secure storage was locked.
    LockedStorage,
    /// The clock of the device was wrong.
    ClockError,
    Reboot,
    Update,
    /// The process had ended between two visits, or during one.
    ProcessEnd,
    /// Nothing disturbed the session since it was last seen well: the build itself.
    Undisturbed,
}

impl Cause {
    pub const ALL: [Self; 13] = [
        Self::LostAnswer,
        Self::KilledInRefresh,
        Self::NoConnection,
        Self::ServerError,
        Self::LockedStorage,
        Self::ClockError,
        Self::Reboot,
        Self::Update,
        Self::ProcessEnd,
        Self::Undisturbed,
        Self::IdleLimit,
        Self::SessionLifetime,
        Self::Revoked,
    ];

    /// The cause as tables name it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Revoked => "revoked by the provider",
            Self::IdleLimit => "idle limit",
            Self::SessionLifetime => "session lifetime",
            Self::LostAnswer => "lost refresh answer",
            Self::KilledInRefresh => "killed during a refresh",
            Self::NoConnection => "no connection at a refresh",
            Self::ServerError => "server error at a refresh",
            Self::LockedStorage => "locked storage",
            Self::ClockError => "clock error",
            Self::Reboot => "reboot",
            Self::Update => "update",
            Self::ProcessEnd => "end of the process",
            Self::Undisturbed => "no disturbance: the build",
        }
    }

    /// The name of a replay file.
    pub fn slug(self) -> String {
        let words: Vec<&str> = self.words().split(|c: char| !c.is_ascii_alphanumeric()).collect();
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
    }

    /// Whether the provider's policy orders it, so that no build can avoid it.
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::Revoked | Self::IdleLimit | Self::SessionLifetime)
    }

    pub(crate) fn of(fate: Fate) -> Self {
        match fate {
            Fate::AnswerLost => Self::LostAnswer,
            Fate::KilledAfter => Self::KilledInRefresh,
            Fate::RequestLost | Fate::Offline => Self::NoConnection,
            Fate::ServerError => Self::ServerError,
            Fate::KilledBefore => Self::ProcessEnd,
            Fate::Answered => Self::Undisturbed,
        }
    }
}

/// What the user of the app meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// The session is on hold: the app must get a new sign-in token.
    Reauthentication,
    /// Nobody is signed in any more.
    SignOut,
}

impl Ending {
    pub fn words(self) -> &'static str {
        match self {
            Self::Reauthentication => "re-authentication",
            Self::SignOut => "sign-out",
        }
    }
}
