//! Mistakes in the steps of a scenario that show only when its steps are seen together.

use vouch_spec::scenario::{Scenario, Text, references};
use vouch_spec::step::{NO_USER, ScenarioStep, Step};
use vouch_spec::text::{Decoder, did_you_mean};

/// Notes every mistake of the steps of a case. `people` are the names under `given`.
pub(super) fn check(steps: &[ScenarioStep], people: &[String], decoder: &Decoder) {
    let mut started: Vec<&str> = Vec::new();
    // Steps inside others count as standing in their place.
    let all = steps.iter().flat_map(|step| std::iter::once(step).chain(step.step.inner()));
    for step in all {
        match &step.step {
            Step::Start(start) => started.push(&start.bind),
            Step::Await(call) => check_call(&call.call, step, &started, decoder),
            Step::Cancel(call) => check_call(&call.call, step, &started, decoder),
            Step::CurrentUser(user) => {
                let users = user.is.iter().chain(&user.not).chain(&user.is_one_of);
                users.for_each(|user| {
                    check_id(user, step, people, decoder);
                    check_is_id(user, step, people, decoder);
                });
            }
            Step::SetUserId(user) => check_id(&user.user_id, step, people, decoder),
            _ => {}
        }
    }
}

fn check_call(call: &str, step: &ScenarioStep, started: &[&str], decoder: &Decoder) {
    if !started.contains(&call) {
        let help = match started {
            [] => "start one before: `start: {step: …, as: NAME}`".to_owned(),
            started => did_you_mean(call, started.iter().copied()),
        };
        decoder.wrong(step.span, format!("no call `{call}` was started before this step"), help);
    }
}

/// A person's name where an id is meant.
fn check_id(user: &Text, step: &ScenarioStep, people: &[String], decoder: &Decoder) {
    if people.contains(&user.0) {
        let what = format!("`{}` is a person of the scenario, and here stands the id of a vendor user", user.0);
        decoder.wrong(step.span, what, format!("write `${}.id`", user.0));
    }
}

/// A text that can be the id of no user.
fn check_is_id(user: &Text, step: &ScenarioStep, people: &[String], decoder: &Decoder) {
    let is_word = user.0.chars().all(|c| c.is_ascii_alphabetic());
    if is_word && user.0 != NO_USER && !people.contains(&user.0) {
        let valid: Vec<_> = people.iter().map(|name| format!("${name}.id")).collect();
        let valid = valid.iter().map(String::as_str).chain([NO_USER]);
        decoder.wrong(step.span, format!("`{}` is not the id of a user", user.0), did_you_mean(&user.0, valid));
    }
}

/// Notes matrix variables that nothing uses: each value of such an axis is the same case again.
pub(super) fn check_matrix(scenario: &Scenario, decoder: &Decoder) {
    let mut used: Vec<String> = scenario.matrix.followed().map(str::to_owned).collect();
    let mut note = |text: &str| used.extend(references(text).iter().map(|(name, _)| (*name).to_owned()));
    let nodes = scenario.steps.iter().chain(&scenario.given);
    nodes.for_each(|node| node.each_text(&mut |text, _| note(text)));
    for name in scenario.matrix.names().filter(|name| !used.iter().any(|used| used == name)) {
        let what = format!("nothing uses the matrix variable `{name}`");
        decoder.wrong(
            scenario.header.id.span,
            what,
            format!("write `${name}` in a step or under `given`, or remove it"),
        );
    }
}
