//! The steps of updates, restored backups, second processes and launches in the background.

use super::step_templates::{
    call_of, expire_access_token, issue_token, kill_and_launch, own, request, request_of, sign_in, sign_out, text,
};
use super::{Stage, expected};
use crate::action::{Action, Person};
use vouch_spec::step::{
    Configure, Crash, Downgrade, Kill, Launch, LockStorage, Outcome, Outcomes, Restore, ScenarioStep, SecondProcess,
    SetUserId, UnlockStorage, Update, Wake,
};

pub(super) fn steps(number: usize, stage: &Stage) -> Vec<ScenarioStep> {
    let kill = || ScenarioStep::new(Kill {});
    let woken = || [kill(), ScenarioStep::new(Wake {}), any_call()];
    let locked = || {
        let [kill, wake, call] = woken();
        [kill, ScenarioStep::new(LockStorage {}), wake, call]
    };
    let unlock = || ScenarioStep::new(UnlockStorage {});
    let launch = || ScenarioStep::new(Launch {});
    match stage.action {
        Action::UpdatedSignIn(person) => {
            let mut steps = previous_sign_in(number, person);
            steps.push(ScenarioStep::new(Update {}));
            steps
        }
        Action::CrashInUpdate(person, write) => {
            let mut steps = previous_sign_in(number, person);
            let crash = Crash { step: ScenarioStep::new(Update {}), write: Some(write) };
            steps.push(ScenarioStep::new(crash).expect(expected(stage)));
            steps.extend(kill_and_launch());
            steps
        }
        Action::UpdatedKey(person) => {
            let [downgrade, out] = previous();
            let configure = Configure { api_key: None, environment: None, region: None };
            let set_user = SetUserId { user_id: text(format!("${}.id", person.name())) };
            let update = ScenarioStep::new(Update {});
            vec![downgrade, out, ScenarioStep::new(configure), ScenarioStep::new(set_user), update]
        }
        Action::Restore(holds) => vec![ScenarioStep::new(Restore { holds })],
        Action::SecondProcessCall => {
            let call = || request_of(own(stage)).expect(Outcomes::of([Outcome::Http(200)]));
            let there = request_of(own(stage));
            vec![expire_access_token(), second(there).expect(Outcomes::of([Outcome::Http(200)])), call()]
        }
        Action::SecondProcessSignOut => vec![second(sign_out())],
        Action::SecondProcessSignIn(person) => {
            let token = format!("t{number}");
            vec![ScenarioStep::new(issue_token(person, &token)), second(sign_in(&token))]
        }
        Action::WokenAndKilled => {
            [expire_access_token()].into_iter().chain(woken()).chain([kill(), launch()]).collect()
        }
        Action::WokenWhileLocked => locked().into_iter().chain([kill(), unlock(), launch()]).collect(),
        Action::OpenedAfterWake => locked().into_iter().chain([unlock(), launch()]).collect(),
        _ => vec![],
    }
}

/// An API call that may end in any way: storage may be locked.
fn any_call() -> ScenarioStep {
    request(&call_of(Person::Ada)).expect(Outcomes::of([Outcome::Any]))
}

fn second(step: ScenarioStep) -> ScenarioStep {
    ScenarioStep::new(SecondProcess { step })
}

/// The previous build, in which nobody is signed in.
fn previous() -> [ScenarioStep; 2] {
    [ScenarioStep::new(Downgrade {}), sign_out().expect(Outcomes::of([Outcome::Any]))]
}

fn previous_sign_in(number: usize, person: Person) -> Vec<ScenarioStep> {
    let token = format!("t{number}");
    previous().into_iter().chain([ScenarioStep::new(issue_token(person, &token)), sign_in(&token)]).collect()
}
