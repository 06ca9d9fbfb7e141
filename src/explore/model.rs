//! The scheme as a small state machine: what may happen next, and what an SDK may answer. This file is the specification
//! that `vouch explore` holds every SDK against; it is checked exhaustively by itself with stateright.
//!
//! It knows no SDK, no wire and no token: only who is signed in how, who exists, and what follows.

pub use super::act::{Act, Ask, Forged, On, PEOPLE, Person, Place, Strike, Try, acts};
use crate::protocol::{ErrorKind, StatusWord};
use ErrorKind::{
    AlreadySignedIn, Cancelled, Incompatible, InvalidSignInToken, InvalidUser, NeedsReauthentication, Network,
    NotSignedIn, Unauthorized, UnexpectedAnswer,
};
use stateright::{Model, Property};

/// What the SDK has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Installed {
    Nobody,
    /// Signed in with an API key.
    Key(Person),
    /// Signed in with a sign-in token; on hold, it wants a new one.
    Token {
        who: Person,
        hold: bool,
    },
}

/// How the vendor has ended a session that the SDK still has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    Not,
    Revoked,
    /// Its user was deleted, and may have come back since.
    WithItsUser,
}

/// Everything that decides what may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub installed: Installed,
    /// Whether the vendor has ended the session behind the SDK's back.
    pub ended: Ended,
    /// Whether the session was begun by `identify`.
    pub named: bool,
    /// Who was deleted at the vendor.
    pub gone: [bool; 2],
    /// Who is signed in to the app itself.
    pub app: Option<Person>,
    pub online: bool,
}

impl State {
    pub const START: State = State {
        installed: Installed::Nobody,
        ended: Ended::Not,
        named: false,
        gone: [false; 2],
        app: None,
        online: true,
    };

    pub fn is_gone(&self, who: Person) -> bool {
        self.gone[who as usize]
    }

    /// The user that the SDK must name.
    pub fn user(&self) -> Option<Person> {
        match self.installed {
            Installed::Nobody => None,
            Installed::Key(who) | Installed::Token { who, .. } => Some(who),
        }
    }

    /// The status that the SDK must tell (LIF-7).
    pub fn status(&self) -> &'static [StatusWord] {
        use StatusWord::{Configured, PendingReauthentication, SignedIn, UseApiKey, UseSignInToken};
        match self.installed {
            Installed::Nobody => &[],
            Installed::Key(_) => &[Configured, SignedIn, UseApiKey],
            Installed::Token { hold: false, .. } => &[Configured, SignedIn, UseSignInToken],
            Installed::Token { hold: true, .. } => &[Configured, SignedIn, UseSignInToken, PendingReauthentication],
        }
    }

    fn nobody(self) -> Self {
        State { installed: Installed::Nobody, ended: Ended::Not, named: false, ..self }
    }

    fn signed_in(self, who: Person, named: bool) -> Self {
        State { installed: Installed::Token { who, hold: false }, ended: Ended::Not, named, ..self }
    }

    fn held(self) -> Self {
        match self.installed {
            Installed::Token { who, .. } => State { installed: Installed::Token { who, hold: true }, ..self },
            _ => self,
        }
    }

    /// A session that works: a call with it goes through.
    fn is_well(&self) -> bool {
        matches!(self.installed, Installed::Token { hold: false, .. }) && self.online && self.ended == Ended::Not
    }
}

/// How an act ended, as its caller saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    Ok,
    Http(u16),
    Refused(ErrorKind),
    Killed,
}

/// A way in which an act may end, and what is then.
pub struct Branch {
    pub seen: Vec<Seen>,
    pub next: State,
}

fn branch(seen: &[Seen], next: State) -> Vec<Branch> {
    vec![Branch { seen: seen.to_vec(), next }]
}

fn refused(kinds: &[ErrorKind], next: State) -> Vec<Branch> {
    vec![Branch { seen: kinds.iter().copied().map(Seen::Refused).collect(), next }]
}

const NO: [ErrorKind; 3] = [AlreadySignedIn, InvalidSignInToken, Incompatible];
impl State {
    /// The ways in which an act may end; none where it cannot happen now.
    pub fn follow(&self, act: Act) -> Vec<Branch> {
        let state = *self;
        match act {
            Act::SignIn(who, place) => state.sign_in(who, place),
            Act::SignInStruck(who, strike) => state.sign_in_struck(who, strike),
            Act::SignInForged(how) => state.sign_in_forged(how),
            // The identity provider refuses it (ISS-5).
            Act::SignInLate(who) => match state.sign_in_struck(who, Strike::LoseRequest).is_empty() {
                true => vec![],
                false => refused(&[InvalidSignInToken], state),
            },
            Act::SignInBoth => match state.installed {
                Installed::Nobody if state.online && state.gone == [false; 2] => PEOPLE
                    .into_iter()
                    .map(|who| Branch { seen: vec![Seen::Ok], next: state.signed_in(who, false) })
                    .collect(),
                _ => vec![],
            },
            Act::Identify(who) => state.identify(who),
            Act::SignOut => branch(&[Seen::Ok], state.nobody()),
            Act::UseKey(who) => match state.installed {
                Installed::Nobody if !state.is_gone(who) => {
                    branch(&[Seen::Ok], State { installed: Installed::Key(who), ..state })
                }
                _ => vec![],
            },
            Act::UseForeignKey(place) => match state.installed {
                Installed::Nobody if place != Place::Home => refused(&[ErrorKind::InvalidApiKey], state),
                _ => vec![],
            },
            Act::UserWithoutKey => match state.installed {
                Installed::Nobody => refused(&[ErrorKind::NotConfigured], state),
                _ => vec![],
            },
            Act::Client(what) => state.tried(what),
            Act::Backend(ask) => state.asked(ask),
            Act::LockedLaunch => branch(&[Seen::Ok, Seen::Refused(ErrorKind::Storage)], state),
            Act::Call | Act::CallSummary | Act::Crowd => state.call(200),
            Act::CallOther | Act::CallTeam => match state.installed {
                Installed::Token { .. } => {
                    let mut branches = state.call(403);
                    branches
                        .iter_mut()
                        .filter(|b| b.seen == [Seen::Http(403)])
                        .for_each(|b| b.seen.push(Seen::Http(404)));
                    branches
                }
                _ => vec![],
            },
            Act::CallStruck(on, strike) => state.call_struck(on, strike),
            Act::CrowdSignOut if state.is_well() => {
                let any = [NotSignedIn, Cancelled, Network, Unauthorized].map(Seen::Refused);
                branch(&[&any[..], &[Seen::Http(200)]].concat(), state.nobody())
            }
            Act::CrowdSignOut => vec![],
            Act::Refresh => state.refresh(),
            Act::Relaunch | Act::Kill | Act::Reboot => branch(&[Seen::Ok], state),
            // Keychains outlive an app; what lies there is somebody else's now (PER-7).
            Act::Reinstall => branch(&[Seen::Ok], state.nobody()),
            Act::CrashInSignIn(who, _) => state.crash(state.sign_in(who, Place::Home)),
            Act::CrashInCall(_) if state.is_well() => state.crash(state.call(200)),
            Act::CrashInCall(_) => vec![],
            Act::CrashInSignOut(_) if state.user().is_some() => state.crash(branch(&[Seen::Ok], state.nobody())),
            Act::CrashInSignOut(_) => vec![],
            Act::Offline if state.online => branch(&[Seen::Ok], State { online: false, ..state }),
            Act::Online if !state.online => branch(&[Seen::Ok], State { online: true, ..state }),
            Act::Offline | Act::Online => vec![],
            Act::Hour | Act::Days => branch(&[Seen::Ok], state),
            Act::Delete(who) if !state.is_gone(who) => branch(&[Seen::Ok], state.deleted(who, true)),
            Act::Undo(who) if state.is_gone(who) => branch(&[Seen::Ok], state.deleted(who, false)),
            Act::Delete(_) | Act::Undo(_) => vec![],
            Act::Revoke => match state.installed {
                Installed::Token { .. } if state.ended == Ended::Not => {
                    branch(&[Seen::Ok], State { ended: Ended::Revoked, ..state })
                }
                _ => vec![],
            },
            Act::RefuseAccessTokens if state.is_well() => branch(&[Seen::Ok], state),
            Act::RefuseAccessTokens => vec![],
            Act::AppUser(who) if who != state.app => branch(&[Seen::Ok], State { app: who, ..state }),
            Act::AppUser(_) => vec![],
            Act::Reconcile => state.reconcile(),
        }
    }

    fn deleted(self, who: Person, gone: bool) -> State {
        let mut next = self;
        next.gone[who as usize] = gone;
        // A session does not outlive its user, even if the user comes back.
        if gone && matches!(self.installed, Installed::Token { who: owner, .. } if owner == who) {
            next.ended = Ended::WithItsUser;
        }
        next
    }

    fn sign_in(self, who: Person, place: Place) -> Vec<Branch> {
        if self.is_gone(who) || (place != Place::Home && self.installed == Installed::Nobody) {
            return vec![];
        }
        let exchange = || match self.online {
            true => branch(&[Seen::Ok], self.signed_in(who, false)),
            false => refused(&[Network], self),
        };
        match self.installed {
            Installed::Nobody => exchange(),
            _ if place != Place::Home => refused(&NO, self),
            // MIG-2, MIG-3
            Installed::Key(owner) if owner == who => exchange(),
            Installed::Token { who: owner, hold: true } if owner == who => exchange(),
            Installed::Key(_) => refused(&NO, self),
            Installed::Token { who: owner, .. } if owner != who => refused(&NO, self),
            // LIF-3 leaves room; with a session that has ended unseen, that room is too wide to say more.
            Installed::Token { .. } if self.ended != Ended::Not => vec![],
            Installed::Token { .. } if self.online => branch(&[Seen::Ok, Seen::Refused(AlreadySignedIn)], self),
            Installed::Token { .. } => {
                branch(&[Seen::Ok, Seen::Refused(AlreadySignedIn), Seen::Refused(Network)], self)
            }
        }
    }

    /// A sign-in whose exchange goes wrong leaves everything as it was (EXC-4, MIG-8).
    fn sign_in_struck(self, who: Person, strike: Strike) -> Vec<Branch> {
        let exchanges = match self.installed {
            Installed::Nobody => true,
            Installed::Key(owner) | Installed::Token { who: owner, hold: true } => owner == who,
            Installed::Token { .. } => false,
        };
        if !exchanges || !self.online || self.is_gone(who) {
            return vec![];
        }
        match strike {
            Strike::Status(403 | 418) => refused(&[UnexpectedAnswer, InvalidSignInToken], self),
            Strike::Garbage => refused(&[UnexpectedAnswer, Network], self),
            _ => refused(&[Network], self),
        }
    }

    /// EXC-4, EXC-6: refused, before or by the identity provider.
    fn sign_in_forged(self, how: Forged) -> Vec<Branch> {
        match self.installed {
            Installed::Nobody if self.online && !self.is_gone(Person::Ada) => refused(&[InvalidSignInToken], self),
            Installed::Nobody if how != Forged::BadSignature && !self.is_gone(Person::Ada) => {
                refused(&[InvalidSignInToken], self)
            }
            _ => vec![],
        }
    }

    /// SCO-4, IDP-1 to IDP-7: refused, and nothing comes of it, but for a chain that ends when an old link is shown.
    fn tried(self, what: Try) -> Vec<Branch> {
        let refused: Vec<_> = [400, 401, 403, 404, 409, 415, 422].into_iter().map(Seen::Http).collect();
        // `Ok` is for nothing to try with.
        let harmless = || branch(&[&[Seen::Ok], &refused[..]].concat(), self);
        match what {
            Try::Garbage | Try::Twin | Try::UnsignedToken | Try::Metrics | Try::NewUser => harmless(),
            Try::NoCredential | Try::MadeUpKey | Try::KeyAt(_) | Try::NamelessUser | Try::TokenForNobody => {
                branch(&refused, self)
            }
            _ if !self.is_well() => vec![],
            Try::OldRefreshToken => {
                let mut branches = branch(&[Seen::Ok], self);
                branches.push(Branch { seen: refused, next: State { ended: Ended::Revoked, ..self } });
                branches
            }
            Try::AccessTokenAt(Place::Home) => vec![],
            Try::AccessTokenAt(_) | Try::ExpiredAccessToken | Try::SignInTokenAgain => harmless(),
        }
    }

    /// ISS-1 to ISS-8: nothing of this changes what the SDK has.
    fn asked(self, ask: Ask) -> Vec<Branch> {
        let refused: Vec<_> = [400, 401, 403, 500, 502, 503].into_iter().map(Seen::Http).collect();
        match ask {
            Ask::Rightly(who) | Ask::Raced(who) if !self.is_gone(who) => branch(&[Seen::Http(200)], self),
            Ask::NamingInQuery(who) | Ask::NamingInBody(who) | Ask::NamingInHeader(who) if !self.is_gone(who) => {
                branch(&[&[Seen::Http(200)], &refused[..2]].concat(), self)
            }
            Ask::NewcomerCrowd => branch(&[Seen::Http(200)], self),
            Ask::WithoutCredential | Ask::WithGarbage => branch(&refused[1..3], self),
            Ask::FailedLookUp(_) => branch(&refused, self),
            Ask::FailedIssuance(_) | Ask::GarbledIssuance if !self.is_gone(Person::Ada) => branch(&refused, self),
            _ => vec![],
        }
    }

    fn identify(self, who: Person) -> Vec<Branch> {
        let failed = |next: State| refused(&[Network, UnexpectedAnswer, Cancelled, NotSignedIn], next);
        // A backend makes a new user for one who was deleted: somebody of whom this model knows nothing.
        let begins_anew = |from: State| match (from.is_gone(who), from.online) {
            (true, _) => vec![],
            (false, true) => branch(&[Seen::Ok], from.signed_in(who, true)),
            (false, false) => failed(from),
        };
        match self.installed {
            Installed::Nobody => begins_anew(self),
            Installed::Key(owner) if owner == who => begins_anew(self),
            Installed::Key(_) if self.is_gone(who) => vec![],
            // Refused as a migration of another user (MIG-3), or out, then in (REC-8).
            Installed::Key(_) if self.online => {
                let mut branches = refused(&NO, self);
                branches.extend(begins_anew(self.nobody()));
                branches
            }
            Installed::Key(_) => failed(self),
            Installed::Token { who: owner, hold } if self.named && owner == who => match hold {
                true => begins_anew(self),
                false => branch(&[Seen::Ok], self),
            },
            // REC-8: out, then in. An SDK that does not know for whom its session was begun may ask for a token first: then it
            // can fail before anything has ended, or find that the user is the same.
            Installed::Token { who: owner, hold } => {
                let mut branches = begins_anew(self.nobody());
                if !self.named && !self.is_gone(who) {
                    match self.online {
                        false => branches.extend(failed(self)),
                        true if owner == who && !hold => {
                            branches.extend(branch(&[Seen::Ok], State { named: true, ..self }));
                        }
                        true => {}
                    }
                }
                branches
            }
        }
    }

    /// `well` is the status of a call that goes through.
    fn call(self, well: u16) -> Vec<Branch> {
        match self.installed {
            Installed::Nobody => refused(&[NotSignedIn], self),
            Installed::Key(_) if !self.online => refused(&[Network], self),
            Installed::Key(who) if self.is_gone(who) => {
                branch(&[Seen::Http(404), Seen::Http(403), Seen::Http(401)], self)
            }
            Installed::Key(_) => branch(&[Seen::Http(200)], self),
            Installed::Token { .. } => self.with_session(Seen::Http(well)),
        }
    }

    fn refresh(self) -> Vec<Branch> {
        match self.installed {
            Installed::Token { .. } => self.with_session(Seen::Ok),
            // No clause says which: there is no token to refresh.
            Installed::Key(_) => refused(&[NotSignedIn, ErrorKind::Unsupported], self),
            Installed::Nobody => refused(&[NotSignedIn], self),
        }
    }

    /// What the session's own state makes of a call (REF-6, REF-7, DEL-1).
    fn with_session(self, well: Seen) -> Vec<Branch> {
        let Installed::Token { who, hold } = self.installed else { return vec![] };
        if hold {
            return refused(&[NeedsReauthentication], self);
        }
        if !self.online {
            return refused(&[Network], self);
        }
        let learns = |kind, next| Branch { seen: vec![Seen::Refused(kind)], next };
        match (self.ended, self.is_gone(who)) {
            (_, true) => vec![learns(InvalidUser, self.nobody())],
            (Ended::Revoked, false) => vec![learns(NeedsReauthentication, self.held())],
            (Ended::WithItsUser, false) => {
                vec![learns(NeedsReauthentication, self.held()), learns(InvalidUser, self.nobody())]
            }
            (Ended::Not, false) => branch(&[well], self),
        }
    }

    /// Whatever goes wrong on the wire, a session that is well stays (DEL-4, REF-6, REF-10).
    fn call_struck(self, on: On, strike: Strike) -> Vec<Branch> {
        let through = Seen::Http(200);
        if let (Installed::Key(owner), On::Api, true) = (self.installed, on, self.online) {
            let status = match strike {
                Strike::Status(status) | Strike::Lasting(status) | Strike::Busy(status, _) => status,
                _ => 200,
            };
            let seen = [through, Seen::Http(status)];
            let seen = seen.into_iter().chain([Network, UnexpectedAnswer, Unauthorized].map(Seen::Refused));
            return if self.is_gone(owner) { vec![] } else { branch(&seen.collect::<Vec<_>>(), self) };
        }
        if !self.is_well() {
            return vec![];
        }
        let seen = match (on, strike) {
            (On::Refresh, Strike::Status(403 | 418) | Strike::Garbage) => {
                vec![through, Seen::Refused(UnexpectedAnswer), Seen::Refused(Network)]
            }
            (On::Refresh, Strike::Lasting(_)) => vec![Seen::Refused(Network)],
            (On::Api, Strike::Lasting(status)) => vec![Seen::Http(status), Seen::Refused(Unauthorized)],
            (On::Api, Strike::Status(401)) => vec![through],
            (On::Api, Strike::Status(status)) => {
                vec![Seen::Http(status), through, Seen::Refused(Network), Seen::Refused(UnexpectedAnswer)]
            }
            (On::Api, Strike::Busy(status, _)) => vec![Seen::Http(status), through, Seen::Refused(Network)],
            (On::Api, Strike::Garbage) => vec![through, Seen::Refused(UnexpectedAnswer), Seen::Refused(Network)],
            (_, _) => vec![through, Seen::Refused(Network)],
        };
        branch(&seen, self)
    }

    /// A call that may die in its middle: before it or after it, never between (EXC-5, PER-3, MIG-9).
    fn crash(self, mut branches: Vec<Branch>) -> Vec<Branch> {
        let all: Vec<State> = branches.iter().map(|branch| branch.next).chain([self]).collect();
        if branches.is_empty() {
            return vec![];
        }
        for next in all {
            branches.push(Branch { seen: vec![Seen::Killed], next });
        }
        branches
    }

    fn reconcile(self) -> Vec<Branch> {
        // As for `identify`, nothing is said of a user who was deleted.
        let token = |from: State, who: Person| match (from.is_gone(who), from.online) {
            (true, _) => vec![],
            (false, true) => branch(&[Seen::Ok], from.signed_in(who, false)),
            (false, false) => refused(&[Network, UnexpectedAnswer, NotSignedIn], from),
        };
        match (self.app, self.installed) {
            (None, Installed::Nobody) => branch(&[Seen::Ok], self),
            (None, _) => branch(&[Seen::Ok], self.nobody()),
            (Some(who), Installed::Nobody) => token(self, who),
            (Some(who), Installed::Key(owner) | Installed::Token { who: owner, .. }) if owner != who => {
                token(self.nobody(), who)
            }
            (Some(who), Installed::Key(_) | Installed::Token { hold: true, .. }) => token(self, who),
            (Some(_), Installed::Token { hold: false, .. }) => branch(&[Seen::Ok], self),
        }
    }

    /// Whether an act must ask for no sign-in token, sign nobody in and nobody out (REC-1, REC-8).
    pub fn asks_for_nothing(&self, act: Act) -> bool {
        match (act, self.installed) {
            (Act::Reconcile, installed) => match (self.app, installed) {
                (None, Installed::Nobody) => true,
                (Some(app), Installed::Token { who, hold: false }) => app == who,
                _ => false,
            },
            (Act::Identify(asked), Installed::Token { who, hold: false }) => self.named && asked == who,
            _ => false,
        }
    }
}

/// The scheme, for stateright: an action is an act and the way in which it ended.
pub struct Scheme;

impl Model for Scheme {
    type State = State;
    type Action = (Act, usize);

    fn init_states(&self) -> Vec<State> {
        vec![State::START]
    }

    fn actions(&self, state: &State, actions: &mut Vec<(Act, usize)>) {
        for act in acts() {
            actions.extend((0..state.follow(act).len()).map(|way| (act, way)));
        }
    }

    fn next_state(&self, state: &State, (act, way): (Act, usize)) -> Option<State> {
        state.follow(act).get(way).map(|branch| branch.next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nobody is on hold, ended or named without a session", |_, state: &State| {
                matches!(state.installed, Installed::Token { .. }) || (state.ended == Ended::Not && !state.named)
            }),
            Property::always("the session of a deleted user has ended", |_, state: &State| match state.installed {
                Installed::Token { who, .. } => !state.is_gone(who) || state.ended == Ended::WithItsUser,
                _ => true,
            }),
            Property::always("every state can be left by a sign-out", |_, state: &State| {
                let out = state.follow(Act::SignOut);
                out.len() == 1 && out.iter().all(|branch| branch.next.installed == Installed::Nobody)
            }),
            Property::always("a reconciliation that works brings app and SDK together", |_, state: &State| {
                let branches = state.follow(Act::Reconcile);
                branches.iter().filter(|b| b.seen.contains(&Seen::Ok)).all(|b| b.next.user() == b.next.app)
            }),
            Property::always("no failed sign-in changes anything", |_, state: &State| {
                PEOPLE
                    .iter()
                    .flat_map(|who| state.follow(Act::SignIn(*who, Place::Home)))
                    .all(|branch| branch.seen.contains(&Seen::Ok) || branch.next == *state)
            }),
            Property::sometimes("an API-key installation migrates", |_, state: &State| {
                matches!(state.installed, Installed::Token { who: Person::Bob, .. })
            }),
            Property::sometimes("a session is on hold", |_, state: &State| {
                matches!(state.installed, Installed::Token { hold: true, .. })
            }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stateright::Checker;

    #[test]
    fn the_scheme_holds_in_every_state_that_can_be_reached() {
        let checker = Scheme.checker().spawn_bfs().join();
        checker.assert_properties();
        assert!(checker.unique_state_count() > 100, "{}", checker.unique_state_count());
    }

    #[test]
    fn no_act_is_impossible_everywhere() {
        let (states, transitions) = crate::explore::reachable();
        assert!(transitions > states.len());
        for act in acts() {
            assert!(states.iter().any(|state| !state.follow(act).is_empty()), "{act:?}");
        }
    }
}
