//! The states of the model, and the results of actions.

use super::action::Person;
use vouch_spec::protocol::{ErrorKind, StatusWord};

/// The session of the SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Installed {
    Nobody,
    /// Signed in with an API key.
    Key(Person),
    /// Signed in with a sign-in token. `hold`: the session is on hold and needs a new sign-in token.
    Token {
        person: Person,
        hold: bool,
    },
}

/// How the vendor has ended a session that the SDK still has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    Not,
    Revoked,
    /// Its user was deleted; the deletion may have been undone since.
    WithItsUser,
}

/// A state of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub installed: Installed,
    /// Whether the vendor has ended the session without the SDK's knowledge.
    pub ended: Ended,
    /// Whether the session was started by `identify`.
    pub identified: bool,
    /// Which persons are deleted at the vendor.
    pub deleted: [bool; 2],
    /// The user who is signed in to the app.
    pub app: Option<Person>,
    pub online: bool,
}

impl State {
    pub const START: State = State {
        installed: Installed::Nobody,
        ended: Ended::Not,
        identified: false,
        deleted: [false; 2],
        app: None,
        online: true,
    };

    pub fn is_deleted(&self, person: Person) -> bool {
        self.deleted[person as usize]
    }

    /// The user that the SDK must report.
    pub fn user(&self) -> Option<Person> {
        match self.installed {
            Installed::Nobody => None,
            Installed::Key(person) | Installed::Token { person, .. } => Some(person),
        }
    }

    /// The status that the SDK must report (LIF-7).
    pub fn status(&self) -> &'static [StatusWord] {
        use StatusWord::{Configured, PendingReauthentication, SignedIn, UseApiKey, UseSignInToken};
        match self.installed {
            Installed::Nobody => &[],
            Installed::Key(_) => &[Configured, SignedIn, UseApiKey],
            Installed::Token { hold: false, .. } => &[Configured, SignedIn, UseSignInToken],
            Installed::Token { hold: true, .. } => &[Configured, SignedIn, UseSignInToken, PendingReauthentication],
        }
    }

    pub(super) fn nobody(self) -> Self {
        State { installed: Installed::Nobody, ended: Ended::Not, identified: false, ..self }
    }

    pub(super) fn signed_in(self, person: Person, identified: bool) -> Self {
        State { installed: Installed::Token { person, hold: false }, ended: Ended::Not, identified, ..self }
    }

    pub(super) fn on_hold(self) -> Self {
        match self.installed {
            Installed::Token { person, .. } => State { installed: Installed::Token { person, hold: true }, ..self },
            _ => self,
        }
    }

    /// Whether the session is usable, so that a call succeeds.
    pub(super) fn is_usable(&self) -> bool {
        matches!(self.installed, Installed::Token { hold: false, .. }) && self.online && self.ended == Ended::Not
    }
}

/// The result of an action, as its caller observes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Observation {
    Ok,
    Http(u16),
    Refused(ErrorKind),
    Killed,
    /// The call did not end.
    Never,
    /// The call broke a rule that its result does not show, for example sent too many requests. No model allows it.
    Unexpected,
}

/// Allowed results of an action, and the state after them.
pub struct Branch {
    pub seen: Vec<Observation>,
    pub next: State,
}

pub(super) fn branch(seen: &[Observation], next: State) -> Vec<Branch> {
    vec![Branch { seen: seen.to_vec(), next }]
}

pub(super) fn refused(kinds: &[ErrorKind], next: State) -> Vec<Branch> {
    vec![Branch { seen: kinds.iter().copied().map(Observation::Refused).collect(), next }]
}
