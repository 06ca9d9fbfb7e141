//! The third part of [`super::model`]: updates, restored backups, second processes and launches in the background.

use super::action::{Action, Person};
use super::state::{Branch, Installed, Observation, State, branch};
use vouch_spec::step::BackupContent;

impl State {
    /// The allowed results of such an action.
    pub(super) fn device_event(self, action: Action) -> Vec<Branch> {
        match action {
            // UPD-1; UPD-4 where another user was signed in before.
            Action::UpdatedSignIn(person) if self.can_start(person) => {
                branch(&[Observation::Ok], self.signed_in(person, false))
            }
            Action::UpdatedKey(person) if !self.is_deleted(person) => {
                branch(&[Observation::Ok], State { installed: Installed::Key(person), ..self.nobody() })
            }
            // UPD-2: the next launch finds the whole sign-in.
            Action::CrashInUpdate(person, _) if self.can_start(person) => {
                branch(&[Observation::Ok, Observation::Killed], self.signed_in(person, false))
            }
            // PER-11
            Action::Restore(BackupContent::Plain) => branch(&[Observation::Ok], self.nobody()),
            Action::Restore(BackupContent::Everything) => {
                let mut branches = self.may_learn();
                if self.user().is_some() {
                    branches.extend(branch(&[Observation::Ok], self.nobody()));
                }
                branches
            }
            // MUL-1
            Action::SecondProcessCall if self.is_usable() => branch(&[Observation::Http(200)], self),
            // MUL-2
            Action::SecondProcessSignOut if self.user().is_some() => branch(&[Observation::Ok], self.nobody()),
            // MUL-3
            Action::SecondProcessSignIn(person) if self.installed == Installed::Nobody && self.can_start(person) => {
                branch(&[Observation::Ok], self.signed_in(person, false))
            }
            // WAK-1
            Action::WokenAndKilled | Action::WokenWhileLocked | Action::OpenedAfterWake => self.may_learn(),
            _ => vec![],
        }
    }

    /// Whether a person can get a session.
    fn can_start(self, person: Person) -> bool {
        self.online && !self.is_deleted(person)
    }
}
