//! The second part of [`super::model`]: network and server faults, crashes, forged tokens and forbidden requests.

use super::action::{BackendRequest, ClientRequest, FaultTarget, InjectedFault, Person, Place};
use super::state::{Branch, Ended, Installed, Observation, State, branch, refused};
use vouch_spec::protocol::ErrorKind::{InvalidSignInToken, InvalidUser, Network, Unauthorized, UnexpectedAnswer};
use vouch_spec::step::Forgery;

impl State {
    /// A sign-in whose exchange fails changes nothing (EXC-4, MIG-8).
    pub(super) fn sign_in_with_fault(self, person: Person, fault: InjectedFault) -> Vec<Branch> {
        let exchanges = match self.installed {
            Installed::Nobody => true,
            Installed::Key(owner) | Installed::Token { person: owner, hold: true } => owner == person,
            Installed::Token { .. } => false,
        };
        if !exchanges || !self.online || self.is_deleted(person) {
            return vec![];
        }
        match fault {
            InjectedFault::Status(403 | 418) => refused(&[UnexpectedAnswer, InvalidSignInToken], self),
            InjectedFault::Garbage => refused(&[UnexpectedAnswer, Network], self),
            // The sign-in token is still unused, so an SDK may retry (EXC-2), and the retry succeeds.
            InjectedFault::LoseRequest | InjectedFault::Status(429 | 500..) | InjectedFault::RetryAfter(..) => {
                let mut branches = refused(&[Network], self);
                branches.extend(branch(&[Observation::Ok], self.signed_in(person, false)));
                branches
            }
            // An HTTP stack may retry after a kept connection was lost; the token is then already used.
            InjectedFault::LoseResponse => refused(&[Network, InvalidSignInToken], self),
            _ => refused(&[Network], self),
        }
    }

    /// A forged token is refused, by the SDK or by the identity provider (EXC-4, EXC-6).
    pub(super) fn sign_in_forged(self, how: Forgery) -> Vec<Branch> {
        match self.installed {
            Installed::Nobody if self.online && !self.is_deleted(Person::Ada) => refused(&[InvalidSignInToken], self),
            Installed::Nobody if how != Forgery::BadSignature && !self.is_deleted(Person::Ada) => {
                refused(&[InvalidSignInToken], self)
            }
            _ => vec![],
        }
    }

    /// The vendor refuses the request and nothing changes, except that an old refresh token may end the session (SCO-4, IDP-1 to
    /// IDP-7).
    pub(super) fn client_request(self, what: ClientRequest) -> Vec<Branch> {
        let refused: Vec<_> = [400, 401, 403, 404, 409, 415, 422].into_iter().map(Observation::Http).collect();
        // `Ok` means that the walk has nothing to send, for example no old token.
        let harmless = || branch(&[&[Observation::Ok], &refused[..]].concat(), self);
        match what {
            ClientRequest::Garbage
            | ClientRequest::DuplicateUser
            | ClientRequest::UnsignedToken
            | ClientRequest::Metrics
            | ClientRequest::NewUser => harmless(),
            ClientRequest::NoCredential
            | ClientRequest::UnknownKey
            | ClientRequest::KeyAt(_)
            | ClientRequest::UserWithoutClientId
            | ClientRequest::TokenForUnknownUser => branch(&refused, self),
            _ if !self.is_usable() => vec![],
            ClientRequest::OldRefreshToken => {
                let mut branches = branch(&[Observation::Ok], self);
                branches.push(Branch { seen: refused, next: State { ended: Ended::Revoked, ..self } });
                branches
            }
            ClientRequest::AccessTokenAt(Place::Home) => vec![],
            ClientRequest::AccessTokenAt(_) | ClientRequest::ExpiredAccessToken | ClientRequest::SignInTokenAgain => {
                harmless()
            }
        }
    }

    /// Requests to the backend do not change the state of the SDK (ISS-1 to ISS-8).
    pub(super) fn backend(self, ask: BackendRequest) -> Vec<Branch> {
        let refused: Vec<_> = [400, 401, 403, 500, 502, 503].into_iter().map(Observation::Http).collect();
        match ask {
            BackendRequest::Valid(person) | BackendRequest::LookupRace(person) if !self.is_deleted(person) => {
                branch(&[Observation::Http(200)], self)
            }
            BackendRequest::OtherUserInQuery(person)
            | BackendRequest::OtherUserInBody(person)
            | BackendRequest::OtherUserInHeader(person)
                if !self.is_deleted(person) =>
            {
                branch(&[&[Observation::Http(200)], &refused[..2]].concat(), self)
            }
            BackendRequest::ParallelNewUser => branch(&[Observation::Http(200)], self),
            BackendRequest::WithoutCredential | BackendRequest::WithGarbage => branch(&refused[1..3], self),
            BackendRequest::FailedLookup(_) => branch(&refused, self),
            BackendRequest::FailedIssuance(_) | BackendRequest::GarbledIssuance | BackendRequest::SilentIssuance
                if !self.is_deleted(Person::Ada) =>
            {
                branch(&refused, self)
            }
            _ => vec![],
        }
    }

    /// A fault of a call does not end a usable session (DEL-4, REF-6, REF-10).
    pub(super) fn call_with_fault(self, on: FaultTarget, fault: InjectedFault) -> Vec<Branch> {
        let through = Observation::Http(200);
        if let (Installed::Key(owner), FaultTarget::Api, true) = (self.installed, on, self.online) {
            let status = match fault {
                InjectedFault::Status(status)
                | InjectedFault::PersistentStatus(status)
                | InjectedFault::RetryAfter(status, _) => status,
                _ => 200,
            };
            let seen = [through, Observation::Http(status)];
            let seen = seen.into_iter().chain([Network, UnexpectedAnswer, Unauthorized].map(Observation::Refused));
            return if self.is_deleted(owner) { vec![] } else { branch(&seen.collect::<Vec<_>>(), self) };
        }
        if !self.is_usable() {
            return vec![];
        }
        let seen = match (on, fault) {
            (FaultTarget::Refresh, InjectedFault::Status(403 | 418) | InjectedFault::Garbage) => {
                vec![through, Observation::Refused(UnexpectedAnswer), Observation::Refused(Network)]
            }
            (FaultTarget::Refresh, InjectedFault::PersistentStatus(_)) => vec![Observation::Refused(Network)],
            (FaultTarget::Api, InjectedFault::PersistentStatus(status)) => {
                vec![Observation::Http(status), Observation::Refused(Unauthorized)]
            }
            (FaultTarget::Api, InjectedFault::Status(401)) => vec![through],
            (FaultTarget::Api, InjectedFault::Status(status)) => {
                vec![
                    Observation::Http(status),
                    through,
                    Observation::Refused(Network),
                    Observation::Refused(UnexpectedAnswer),
                ]
            }
            (FaultTarget::Api, InjectedFault::RetryAfter(status, _)) => {
                vec![Observation::Http(status), through, Observation::Refused(Network)]
            }
            (FaultTarget::Api, InjectedFault::Garbage) => {
                vec![through, Observation::Refused(UnexpectedAnswer), Observation::Refused(Network)]
            }
            (_, _) => vec![through, Observation::Refused(Network)],
        };
        let mut branches = branch(&seen, self);
        // A 404 for the user's own record may mean that the user was deleted; DEL-4 is about records of other users.
        if (on, fault) == (FaultTarget::Api, InjectedFault::Status(404)) {
            branches.extend(branch(&[Observation::Http(404), Observation::Refused(InvalidUser)], self.nobody()));
        }
        branches
    }

    /// A call during which the process may crash. The state afterwards is that before or after the call, never a mixture (EXC-5,
    /// PER-3, MIG-9).
    pub(super) fn crash(self, mut branches: Vec<Branch>) -> Vec<Branch> {
        let all: Vec<State> = branches.iter().map(|branch| branch.next).chain([self]).collect();
        if branches.is_empty() {
            return vec![];
        }
        // A launch follows.
        for learnt in all.into_iter().flat_map(State::may_learn) {
            branches.push(Branch { seen: vec![Observation::Killed], ..learnt });
        }
        branches
    }
}
