//! The sign-in-token scheme as a small state machine: the possible actions of each state, and the allowed results. `vouch explore`
//! compares every SDK with this model; [`super::exhaustive_check`] checks the model itself in all reachable states.
//!
//! The model has no HTTP calls and no tokens. A state contains only the signed-in user and scheme, and which users exist.

use super::action::{Action, InjectedFault, LastCall, PEOPLE, Person, Place};
use super::state::{Branch, Ended, Installed, Observation, State, branch, refused};
use ErrorKind::{
    AlreadySignedIn, Cancelled, Incompatible, InvalidSignInToken, InvalidUser, NeedsReauthentication, Network,
    NotSignedIn, Unauthorized, UnexpectedAnswer,
};
use vouch_spec::protocol::ErrorKind;

const NO: [ErrorKind; 3] = [AlreadySignedIn, InvalidSignInToken, Incompatible];

impl State {
    #[expect(clippy::too_many_lines, reason = "one arm an action")]
    /// The allowed results of an action; none if it is not possible in this state.
    pub fn branches(&self, action: Action) -> Vec<Branch> {
        let state = *self;
        match action {
            Action::SignIn(person, place) => state.sign_in(person, place),
            Action::SignInWithFault(person, fault) => state.sign_in_with_fault(person, fault),
            Action::SignInForged(how) => state.sign_in_forged(how),
            // The identity provider refuses it (ISS-5).
            Action::SignInExpiredToken(person) => {
                match state.sign_in_with_fault(person, InjectedFault::LoseRequest).is_empty() {
                    true => vec![],
                    false => refused(&[InvalidSignInToken], state),
                }
            }
            // MIG-10
            Action::SignInOtherCase(person) => state.sign_in(person, Place::Home),
            // OUT-1: a sign-out erases the previous user's realm too.
            Action::SignInElsewhere(person, _) => match state.installed {
                Installed::Nobody if state.online && !state.is_deleted(person) => {
                    branch(&[Observation::Http(200)], state)
                }
                _ => vec![],
            },
            Action::ParallelSignIns => match state.installed {
                Installed::Nobody if state.online && state.deleted == [false; 2] => PEOPLE
                    .into_iter()
                    .map(|person| Branch { seen: vec![Observation::Ok], next: state.signed_in(person, false) })
                    .collect(),
                _ => vec![],
            },
            // The response to the exchange arrives too late (OUT-5).
            Action::SignOutDuringSignIn(person) => match state.installed {
                Installed::Token { hold: false, .. } => vec![],
                _ if state.sign_in_with_fault(person, InjectedFault::LoseResponse).is_empty() => vec![],
                _ => {
                    let any = [NotSignedIn, Cancelled, Network, InvalidSignInToken].map(Observation::Refused);
                    branch(&[&any[..], &[Observation::Ok]].concat(), state.nobody())
                }
            },
            // The user is signed in only after a successful exchange (EXC-1).
            Action::SignInCheckedMidway(person) => {
                match state.sign_in_with_fault(person, InjectedFault::LoseResponse).is_empty() {
                    true => vec![],
                    false => state.sign_in(person, Place::Home),
                }
            }
            // The previous user's session does not affect that of the next user (LIF-4).
            Action::NextUser(next, last_call)
                if state.is_usable() && state.user() != Some(next) && !state.is_deleted(next) =>
            {
                let last = if last_call == LastCall::Deleted { state.deleted(next.other(), true) } else { state };
                branch(&[Observation::Http(200)], last.signed_in(next, false))
            }
            Action::NextUser(..) => vec![],
            Action::Identify(person) => state.identify(person),
            Action::SignOut => branch(&[Observation::Ok], state.nobody()),
            Action::UseKey(person) => match state.installed {
                Installed::Nobody if !state.is_deleted(person) => {
                    branch(&[Observation::Ok], State { installed: Installed::Key(person), ..state })
                }
                _ => vec![],
            },
            Action::SetUser(person) => match state.installed {
                Installed::Key(owner) if owner != person => refused(&[AlreadySignedIn], state),
                _ => vec![],
            },
            Action::UseForeignKey(place) => match state.installed {
                Installed::Nobody if place != Place::Home => refused(&[ErrorKind::InvalidApiKey], state),
                _ => vec![],
            },
            Action::SetUserWithoutKey => match state.installed {
                Installed::Nobody => refused(&[ErrorKind::NotConfigured], state),
                _ => vec![],
            },
            Action::Client(what) => state.client_request(what),
            Action::Backend(ask) => state.backend(ask),
            Action::LockedLaunch => {
                let any = [Observation::Ok, Observation::Refused(ErrorKind::Storage)];
                state.may_learn().into_iter().map(|learnt| Branch { seen: any.to_vec(), ..learnt }).collect()
            }
            Action::Call | Action::CallSummary | Action::ParallelCalls => state.call(200),
            Action::CallOther | Action::CallTeam => match state.installed {
                Installed::Token { .. } => {
                    let mut branches = state.call(403);
                    branches
                        .iter_mut()
                        .filter(|b| b.seen == [Observation::Http(403)])
                        .for_each(|b| b.seen.push(Observation::Http(404)));
                    branches
                }
                _ => vec![],
            },
            Action::CallWithFault(on, fault) => state.call_with_fault(on, fault),
            Action::SignOutDuringCalls if state.is_usable() => {
                let any = [NotSignedIn, Cancelled, Network, Unauthorized].map(Observation::Refused);
                branch(&[&any[..], &[Observation::Http(200)]].concat(), state.nobody())
            }
            // PER-4: whatever the result of the first call is, the session outlives the process.
            Action::ParallelCallsRefused | Action::LateRefusal | Action::CallTwice | Action::LockedCall
                if state.is_usable() =>
            {
                branch(&[Observation::Http(200)], state)
            }
            // DEL-5: all callers get the same error.
            Action::DeletedWhileWaiting if state.is_usable() => match state.user() {
                Some(person) => refused(&[InvalidUser], state.deleted(person, true).nobody()),
                None => vec![],
            },
            Action::DeletedWhileWaiting => vec![],
            Action::SignOutDuringCalls
            | Action::ParallelCallsRefused
            | Action::LateRefusal
            | Action::CallTwice
            | Action::LockedCall => vec![],
            Action::LockedSignOut if state.user().is_some() => branch(&[Observation::Ok], state.nobody()),
            Action::LockedSignOut => vec![],
            Action::Refresh => state.refresh(),
            Action::UpdatedSignIn(_)
            | Action::UpdatedKey(_)
            | Action::CrashInUpdate(..)
            | Action::Restore(_)
            | Action::SecondProcessCall
            | Action::SecondProcessSignOut
            | Action::SecondProcessSignIn(_)
            | Action::WokenAndKilled
            | Action::WokenWhileLocked
            | Action::OpenedAfterWake => state.device_event(action),
            Action::Relaunch | Action::Kill | Action::Reboot => state.may_learn(),
            // A keychain outlives the app, but its items belong to the previous installation (PER-7).
            Action::Reinstall => branch(&[Observation::Ok], state.nobody()),
            // PER-5: the SDK starts with corrupted storage.
            Action::CorruptStorage(_) if matches!(state.installed, Installed::Token { .. }) => {
                branch(&[Observation::Ok], state.nobody())
            }
            Action::CorruptStorage(_) => vec![],
            Action::CrashInSignIn(person, _) => state.crash(state.sign_in(person, Place::Home)),
            Action::CrashInCall(_) if state.is_usable() => state.crash(state.call(200)),
            Action::CrashInCall(_) => vec![],
            Action::CrashInSignOut(_) if state.user().is_some() => {
                state.crash(branch(&[Observation::Ok], state.nobody()))
            }
            Action::CrashInSignOut(_) => vec![],
            Action::Offline if state.online => branch(&[Observation::Ok], State { online: false, ..state }),
            Action::Online if !state.online => branch(&[Observation::Ok], State { online: true, ..state }),
            Action::Offline | Action::Online => vec![],
            Action::ExpireAccessToken | Action::AdvanceDays => state.may_learn(),
            Action::Delete(person) if !state.is_deleted(person) => state.deleted(person, true).may_learn(),
            Action::UndoDelete(person) if state.is_deleted(person) => {
                branch(&[Observation::Ok], state.deleted(person, false))
            }
            Action::Delete(_) | Action::UndoDelete(_) => vec![],
            Action::Revoke => match state.installed {
                Installed::Token { .. } if state.ended == Ended::Not => {
                    State { ended: Ended::Revoked, ..state }.may_learn()
                }
                _ => vec![],
            },
            Action::RefuseAccessTokens if state.is_usable() => branch(&[Observation::Ok], state),
            Action::RefuseAccessTokens => vec![],
            Action::AppUser(person) if person != state.app => {
                branch(&[Observation::Ok], State { app: person, ..state })
            }
            Action::AppUser(_) => vec![],
            Action::Reconcile => state.reconcile(),
        }
    }

    fn deleted(self, person: Person, deleted: bool) -> State {
        let mut next = self;
        next.deleted[person as usize] = deleted;
        // The deletion of a user ends its session, even if the deletion is undone later.
        if deleted && matches!(self.installed, Installed::Token { person: owner, .. } if owner == person) {
            next.ended = Ended::WithItsUser;
        }
        next
    }

    fn sign_in(self, person: Person, place: Place) -> Vec<Branch> {
        if self.is_deleted(person) || (place != Place::Home && self.installed == Installed::Nobody) {
            return vec![];
        }
        let exchange = || match self.online {
            true => branch(&[Observation::Ok], self.signed_in(person, false)),
            false => refused(&[Network], self),
        };
        match self.installed {
            Installed::Nobody => exchange(),
            _ if place != Place::Home => refused(&NO, self),
            // MIG-2, MIG-3
            Installed::Key(owner) if owner == person => exchange(),
            Installed::Token { person: owner, hold: true } if owner == person => exchange(),
            Installed::Key(_) => refused(&NO, self),
            Installed::Token { person: owner, .. } if owner != person => refused(&NO, self),
            // LIF-3 allows several results. If the vendor has ended the session, no clause narrows them down.
            Installed::Token { .. } if self.ended != Ended::Not => vec![],
            Installed::Token { .. } if self.online => {
                branch(&[Observation::Ok, Observation::Refused(AlreadySignedIn)], self)
            }
            Installed::Token { .. } => {
                branch(&[Observation::Ok, Observation::Refused(AlreadySignedIn), Observation::Refused(Network)], self)
            }
        }
    }

    fn identify(self, person: Person) -> Vec<Branch> {
        let failed = |next: State| refused(&[Network, UnexpectedAnswer, Cancelled, NotSignedIn], next);
        // For a deleted user a backend creates a new user, which this model does not contain.
        let begins_anew = |from: State| match (from.is_deleted(person), from.online) {
            (true, _) => vec![],
            (false, true) => branch(&[Observation::Ok], from.signed_in(person, true)),
            (false, false) => failed(from),
        };
        match self.installed {
            Installed::Nobody => begins_anew(self),
            Installed::Key(owner) if owner == person => begins_anew(self),
            Installed::Key(_) if self.is_deleted(person) => vec![],
            // Either refused, as a migration of another user (MIG-3), or a sign-out and a sign-in (REC-8).
            Installed::Key(_) if self.online => {
                let mut branches = refused(&NO, self);
                branches.extend(begins_anew(self.nobody()));
                branches
            }
            Installed::Key(_) => failed(self),
            Installed::Token { person: owner, hold } if self.identified && owner == person => match hold {
                true => begins_anew(self),
                false => branch(&[Observation::Ok], self),
            },
            // REC-8: a sign-out and a sign-in. An SDK that does not know the external user of its session may request a token
            // first. Then it can fail before the session ends, or find that the user is the same.
            Installed::Token { person: owner, hold } => {
                let mut branches = begins_anew(self.nobody());
                if !self.identified && !self.is_deleted(person) {
                    match self.online {
                        false => branches.extend(failed(self)),
                        true if owner == person && !hold => {
                            branches.extend(branch(&[Observation::Ok], State { identified: true, ..self }));
                        }
                        true => {}
                    }
                }
                branches
            }
        }
    }

    /// `well` is the status of a successful call.
    fn call(self, well: u16) -> Vec<Branch> {
        match self.installed {
            Installed::Nobody => refused(&[NotSignedIn], self),
            Installed::Key(_) if !self.online => refused(&[Network], self),
            Installed::Key(person) if self.is_deleted(person) => {
                branch(&[Observation::Http(404), Observation::Http(403), Observation::Http(401)], self)
            }
            Installed::Key(_) => branch(&[Observation::Http(200)], self),
            Installed::Token { .. } => self.with_session(Observation::Http(well)),
        }
    }

    fn refresh(self) -> Vec<Branch> {
        match self.installed {
            Installed::Token { .. } => self.with_session(Observation::Ok),
            // There is no token to refresh, and no clause defines the error.
            Installed::Key(_) => refused(&[NotSignedIn, ErrorKind::Unsupported], self),
            Installed::Nobody => refused(&[NotSignedIn], self),
        }
    }

    /// The results of a call with a token session (REF-6, REF-7, DEL-1).
    fn with_session(self, well: Observation) -> Vec<Branch> {
        let Installed::Token { person, hold } = self.installed else { return vec![] };
        if hold {
            return refused(&[NeedsReauthentication], self);
        }
        if !self.online {
            return refused(&[Network], self);
        }
        let learns = |kind, next| Branch { seen: vec![Observation::Refused(kind)], next };
        match (self.ended, self.is_deleted(person)) {
            (_, true) => vec![learns(InvalidUser, self.nobody())],
            (Ended::Revoked, false) => vec![learns(NeedsReauthentication, self.on_hold())],
            (Ended::WithItsUser, false) => {
                vec![learns(NeedsReauthentication, self.on_hold()), learns(InvalidUser, self.nobody())]
            }
            (Ended::Not, false) => branch(&[well], self),
        }
    }

    /// At a launch, after time has passed, or by a background call, an SDK may detect by itself that its session has ended (REF-7,
    /// DEL-1).
    pub(super) fn may_learn(self) -> Vec<Branch> {
        let mut branches = branch(&[Observation::Ok], self);
        if self.ended != Ended::Not {
            branches.extend(self.refresh().into_iter().map(|learnt| Branch { seen: vec![Observation::Ok], ..learnt }));
        }
        branches
    }

    fn reconcile(self) -> Vec<Branch> {
        // As for `identify`, the model has no result for a deleted user.
        let token = |from: State, person: Person| match (from.is_deleted(person), from.online) {
            (true, _) => vec![],
            (false, true) => branch(&[Observation::Ok], from.signed_in(person, false)),
            (false, false) => refused(&[Network, UnexpectedAnswer, NotSignedIn], from),
        };
        match (self.app, self.installed) {
            (None, Installed::Nobody) => branch(&[Observation::Ok], self),
            (None, _) => branch(&[Observation::Ok], self.nobody()),
            (Some(person), Installed::Nobody) => token(self, person),
            (Some(person), Installed::Key(owner) | Installed::Token { person: owner, .. }) if owner != person => {
                token(self.nobody(), person)
            }
            (Some(person), Installed::Key(_) | Installed::Token { hold: true, .. }) => token(self, person),
            (Some(_), Installed::Token { hold: false, .. }) => branch(&[Observation::Ok], self),
        }
    }

    /// Whether an action must neither request a sign-in token nor sign a user in or out (REC-1, REC-8).
    pub fn must_change_nothing(&self, action: Action) -> bool {
        match (action, self.installed) {
            (Action::Reconcile, installed) => match (self.app, installed) {
                (None, Installed::Nobody) => true,
                (Some(app), Installed::Token { person, hold: false }) => app == person,
                _ => false,
            },
            (Action::Identify(backend), Installed::Token { person, hold: false }) => {
                self.identified && backend == person
            }
            _ => false,
        }
    }
}
