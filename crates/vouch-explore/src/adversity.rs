//! What the scheme says of failing networks and servers, of crashes, of forged tokens and of tries at what is not allowed:
//! the other half of [`super::model`].

use super::act::{Ask, Forged, On, Person, Place, Strike, Try};
use super::state::{Branch, Ended, Installed, Seen, State, branch, refused};
use vouch_spec::protocol::ErrorKind::{InvalidSignInToken, InvalidUser, Network, Unauthorized, UnexpectedAnswer};

impl State {
    /// A sign-in whose exchange goes wrong leaves everything as it was (EXC-4, MIG-8).
    pub(super) fn sign_in_struck(self, who: Person, strike: Strike) -> Vec<Branch> {
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
            // An SDK may try again where nothing was used up (EXC-2), and the second try goes through.
            Strike::LoseRequest | Strike::Status(429 | 500..) | Strike::Busy(..) => {
                let mut branches = refused(&[Network], self);
                branches.extend(branch(&[Seen::Ok], self.signed_in(who, false)));
                branches
            }
            // An HTTP stack may send again on a connection that it had kept, and finds the token used up.
            Strike::LoseResponse => refused(&[Network, InvalidSignInToken], self),
            _ => refused(&[Network], self),
        }
    }

    /// EXC-4, EXC-6: refused, before or by the identity provider.
    pub(super) fn sign_in_forged(self, how: Forged) -> Vec<Branch> {
        match self.installed {
            Installed::Nobody if self.online && !self.is_gone(Person::Ada) => refused(&[InvalidSignInToken], self),
            Installed::Nobody if how != Forged::BadSignature && !self.is_gone(Person::Ada) => {
                refused(&[InvalidSignInToken], self)
            }
            _ => vec![],
        }
    }

    /// SCO-4, IDP-1 to IDP-7: refused, and nothing comes of it, but for a chain that ends when an old link is shown.
    pub(super) fn tried(self, what: Try) -> Vec<Branch> {
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
    pub(super) fn asked(self, ask: Ask) -> Vec<Branch> {
        let refused: Vec<_> = [400, 401, 403, 500, 502, 503].into_iter().map(Seen::Http).collect();
        match ask {
            Ask::Rightly(who) | Ask::Raced(who) if !self.is_gone(who) => branch(&[Seen::Http(200)], self),
            Ask::NamingInQuery(who) | Ask::NamingInBody(who) | Ask::NamingInHeader(who) if !self.is_gone(who) => {
                branch(&[&[Seen::Http(200)], &refused[..2]].concat(), self)
            }
            Ask::NewcomerCrowd => branch(&[Seen::Http(200)], self),
            Ask::WithoutCredential | Ask::WithGarbage => branch(&refused[1..3], self),
            Ask::FailedLookUp(_) => branch(&refused, self),
            Ask::FailedIssuance(_) | Ask::GarbledIssuance | Ask::SilentIssuance if !self.is_gone(Person::Ada) => {
                branch(&refused, self)
            }
            _ => vec![],
        }
    }

    /// Whatever goes wrong on the wire, a session that is well stays (DEL-4, REF-6, REF-10).
    pub(super) fn call_struck(self, on: On, strike: Strike) -> Vec<Branch> {
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
        let mut branches = branch(&seen, self);
        // Of the user itself, 404 may well mean that it is gone; DEL-4 speaks of foreign ones.
        if (on, strike) == (On::Api, Strike::Status(404)) {
            branches.extend(branch(&[Seen::Http(404), Seen::Refused(InvalidUser)], self.nobody()));
        }
        branches
    }

    /// A call that may die in its middle: before it or after it, never between (EXC-5, PER-3, MIG-9).
    pub(super) fn crash(self, mut branches: Vec<Branch>) -> Vec<Branch> {
        let all: Vec<State> = branches.iter().map(|branch| branch.next).chain([self]).collect();
        if branches.is_empty() {
            return vec![];
        }
        // A launch follows.
        for learnt in all.into_iter().flat_map(State::may_learn) {
            branches.push(Branch { seen: vec![Seen::Killed], ..learnt });
        }
        branches
    }
}
