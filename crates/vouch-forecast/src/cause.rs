//! Why a session ended against the will of its user.

use crate::life::ExchangeOutcome;
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
        slug(self.words())
    }

    /// Whether the provider's policy orders it, so that no build can avoid it.
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::Revoked | Self::IdleLimit | Self::SessionLifetime)
    }

    pub(crate) fn of(outcome: ExchangeOutcome) -> Self {
        match outcome {
            ExchangeOutcome::AnswerLost => Self::LostAnswer,
            ExchangeOutcome::KilledAfter => Self::KilledInRefresh,
            ExchangeOutcome::RequestLost | ExchangeOutcome::Offline => Self::NoConnection,
            ExchangeOutcome::ServerError => Self::ServerError,
            ExchangeOutcome::KilledBefore => Self::ProcessEnd,
            ExchangeOutcome::Answered => Self::Undisturbed,
        }
    }
}

/// A text as a part of the id of a scenario and of its file: lower-case words joined by hyphens, at most 60 characters. Empty if
/// it has no ASCII letter or digit.
pub(crate) fn slug(text: &str) -> String {
    let text: String = text.chars().take(60).collect::<String>().to_ascii_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_makes_an_id() {
        assert_eq!(slug("Acme SDK 1.0"), "acme-sdk-1-0");
        assert_eq!(slug("../a/b\u{1b}[31m"), "a-b-31m");
        assert_eq!(slug("日本"), "");
        assert_eq!(slug(&"a".repeat(500)).len(), 60);
        assert_eq!(Cause::Undisturbed.slug(), "no-disturbance-the-build");
    }
}
