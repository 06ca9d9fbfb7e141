//! Checks the model with stateright: properties that must hold in every reachable state.

use super::action::{Action, PEOPLE, Person, Place};
use super::action_list::all_actions;
use super::state::{Ended, Installed, Observation, State};
use stateright::{Model, Property};

/// The model for stateright, whose actions are pairs of an action and its result.
pub struct SignInModel;

impl Model for SignInModel {
    type State = State;
    type Action = (Action, usize);

    fn init_states(&self) -> Vec<State> {
        vec![State::START]
    }

    fn actions(&self, state: &State, actions: &mut Vec<(Action, usize)>) {
        for action in all_actions() {
            actions.extend((0..state.branches(action).len()).map(|way| (action, way)));
        }
    }

    fn next_state(&self, state: &State, (action, way): (Action, usize)) -> Option<State> {
        state.branches(action).get(way).map(|branch| branch.next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nobody is on hold, ended or named without a session", |_, state: &State| {
                matches!(state.installed, Installed::Token { .. }) || (state.ended == Ended::Not && !state.identified)
            }),
            Property::always("the session of a deleted user has ended", |_, state: &State| match state.installed {
                Installed::Token { person, .. } => !state.is_deleted(person) || state.ended == Ended::WithItsUser,
                _ => true,
            }),
            Property::always("every state can be left by a sign-out", |_, state: &State| {
                let out = state.branches(Action::SignOut);
                out.len() == 1 && out.iter().all(|branch| branch.next.installed == Installed::Nobody)
            }),
            Property::always("a reconciliation that works brings app and SDK together", |_, state: &State| {
                let branches = state.branches(Action::Reconcile);
                branches.iter().filter(|b| b.seen.contains(&Observation::Ok)).all(|b| b.next.user() == b.next.app)
            }),
            Property::always("no failed sign-in changes anything", |_, state: &State| {
                PEOPLE
                    .iter()
                    .flat_map(|person| state.branches(Action::SignIn(*person, Place::Home)))
                    .all(|branch| branch.seen.contains(&Observation::Ok) || branch.next == *state)
            }),
            Property::sometimes("an API-key installation migrates", |_, state: &State| {
                matches!(state.installed, Installed::Token { person: Person::Bob, .. })
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
        let checker = SignInModel.checker().spawn_bfs().join();
        checker.assert_properties();
        assert!(checker.unique_state_count() > 100, "{}", checker.unique_state_count());
    }

    #[test]
    fn no_act_is_impossible_everywhere() {
        let (states, transitions) = crate::reachable();
        assert!(transitions > states.len());
        for action in all_actions() {
            assert!(states.iter().any(|state| !state.branches(action).is_empty()), "{action:?}");
        }
    }
}
