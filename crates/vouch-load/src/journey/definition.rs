//! Converts a case of a scenario to a journey: stages that each end with a step that makes a call.

use super::actions::{JourneyAction, StepMapping, meaning};
use super::metrics::JourneyCall;
use crate::endpoints::LoadCall;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use vouch_runner::run::PlannedCase;
use vouch_spec::protocol::{ErrorKind, Realm};
use vouch_spec::scenario::{Clauses, CloudGiven, references};
use vouch_spec::step::{Outcomes, ScenarioStep, StepResult};
use vouch_spec::text::{Decoder, Diagnostic, Span};

const HELP: &str = "`vouch journeys --list` shows which scenarios can be journeys";

/// A journey.
pub struct Journey {
    /// The name in reports: the id of the case, which is the scenario's id and its matrix values.
    pub id: String,
    pub realm: Realm,
    /// The persons of the scenario. Each virtual user has its own vendor user for each person.
    pub people: Vec<String>,
    pub stages: Vec<Stage>,
    /// The calls that it may make, without duplicates, in the order of a lifecycle.
    pub calls: Vec<LoadCall>,
    /// The number of steps and checks that were left out, by name.
    pub left_out: BTreeMap<String, usize>,
}

/// The steps between two think times.
pub struct Stage {
    /// The description of its last step.
    pub name: String,
    pub steps: Vec<Step>,
}

/// One step of a journey.
pub struct Step {
    pub act: JourneyAction,
    pub expect: Outcomes,
    /// `file:line:column`.
    pub place: String,
    /// What it does, for people.
    pub words: String,
    /// An unexpected result violates no clause but `should` clauses.
    pub warns: bool,
}

/// Why a case cannot be a journey.
#[derive(Debug)]
pub struct Unfit {
    /// The first reason, without the place: the kind of reason.
    pub why: &'static str,
    /// All of them, with their places.
    pub problems: Vec<Diagnostic>,
}

impl Step {
    /// The calls that it may make: none if the scenario expects the SDK itself to refuse.
    fn calls(&self) -> &'static [LoadCall] {
        let by_sdk = matches!(self.act, JourneyAction::Request(_) | JourneyAction::Refresh | JourneyAction::SignIn(_));
        if by_sdk && !takes_an_answer(&self.expect) { &[] } else { self.act.calls() }
    }
}

/// Whether the expectation accepts a result that only a response of a server can cause.
fn takes_an_answer(expect: &Outcomes) -> bool {
    const OF_A_SERVER: [ErrorKind; 6] = [
        ErrorKind::InvalidSignInToken,
        ErrorKind::InvalidUser,
        ErrorKind::NeedsReauthentication,
        ErrorKind::Network,
        ErrorKind::Unauthorized,
        ErrorKind::UnexpectedAnswer,
    ];
    let refusals = OF_A_SERVER.into_iter().map(|kind| StepResult::Refused { kind, text: String::new() });
    let statuses = (200..600).map(|status| StepResult::Http { status });
    std::iter::once(StepResult::Ok).chain(refusals).chain(statuses).any(|answer| expect.accepts(&answer))
}

impl Journey {
    /// Converts a case.
    ///
    /// # Errors
    /// All reasons why the case cannot be a journey, with their places.
    pub fn read(case: &PlannedCase, clauses: &Clauses) -> Result<Self, Unfit> {
        let scenario = &*case.scenario;
        let decoder = Decoder::new(&scenario.source);
        let (left_out, unfit, why) = (BTreeMap::new(), BTreeSet::new(), Cell::new(None));
        let mut reader = Reader { case, clauses, decoder, left_out, late: false, bound: BTreeSet::new(), unfit, why };
        reader.check_given();
        let steps: Vec<_> = case.steps.iter().filter_map(|step| reader.step(step)).collect();
        let calls: Vec<LoadCall> =
            LoadCall::ALL.into_iter().filter(|call| steps.iter().any(|step| step.calls().contains(call))).collect();
        if calls.is_empty() {
            let (span, help) = (scenario.header.id.span, "choose a scenario whose steps make calls");
            if reader.unfit.is_empty() {
                reader.wrong(span, NO_CALL, "no step of this scenario makes a call".into(), help);
            }
        }
        let (left_out, why) = (reader.left_out, reader.why.get());
        let problems = reader.decoder.finish();
        if !problems.is_empty() {
            return Err(Unfit { why: why.unwrap_or(NO_CALL), problems });
        }
        let realm = case.given.realm();
        Ok(Self {
            id: case.id.clone(),
            realm,
            people: case.given.users.clone(),
            stages: stages(steps),
            calls,
            left_out,
        })
    }

    /// What of an SDK's claims it needs beyond what its case does: control of the SDK's clock.
    pub fn advances_time(&self) -> bool {
        let steps = self.stages.iter().flat_map(|stage| &stage.steps);
        steps.into_iter().any(|step| matches!(step.act, JourneyAction::Expire | JourneyAction::Advance(_)))
    }

    /// The calls that have a series: those of its steps, and last the other calls of an SDK.
    pub(super) fn measured_calls(&self) -> impl Iterator<Item = JourneyCall> {
        self.calls.iter().map(|call| JourneyCall::Load(*call)).chain([JourneyCall::Other])
    }

    /// The names of its series: first the lifecycle, then each call.
    pub fn series(&self) -> Vec<String> {
        let calls = self.measured_calls().map(|call| format!("{}/{call}", self.id));
        std::iter::once(self.id.clone()).chain(calls).collect()
    }
}

struct Reader<'a> {
    case: &'a PlannedCase,
    clauses: &'a Clauses,
    decoder: Decoder,
    left_out: BTreeMap<String, usize>,
    /// An earlier step has advanced the users' clocks.
    late: bool,
    /// The variables that the steps so far have given a value.
    bound: BTreeSet<String>,
    /// The kinds of steps that make it unfit; each is reported only at its first place.
    unfit: BTreeSet<&'static str>,
    /// The first reason.
    why: Cell<Option<&'static str>>,
}

/// The variables of the team.
const TEAM: [&str; 2] = ["team.key", "team.keyStart"];
const NO_VALUE: &str = "it uses a value that only a conformance run has";
const NO_CALL: &str = "no step makes a call";
const OWN_CLOUD: &str = "it needs a cloud with its own settings";
const NEWCOMERS: &str = "`newcomers` are new only once, and a journey is repeated";
const SERVER_TIME: &str =
    "it expects a refusal after time has passed, and the clock of a load's server cannot be advanced";

impl Reader<'_> {
    fn wrong(&self, span: Span, why: &'static str, message: String, help: &str) {
        self.why.set(self.why.get().or(Some(why)));
        self.decoder.wrong(span, message, help);
    }

    fn check_given(&self) {
        let (scenario, given) = (&self.case.scenario, &self.case.given);
        let place = scenario.given.as_ref().map_or(scenario.header.id.span, |node| node.span);
        if given.cloud != CloudGiven::default() || given.profile.is_some() {
            let message = format!("`{}` cannot be a journey: {OWN_CLOUD}", scenario.id());
            self.wrong(place, OWN_CLOUD, message, "only a conformance run can provide such a cloud");
        }
        if !given.newcomers.is_empty() {
            let message = format!("`{}` cannot be a journey: {NEWCOMERS}", scenario.id());
            self.wrong(place, NEWCOMERS, message, "choose a scenario with `users`");
        }
    }

    fn step(&mut self, planned: &ScenarioStep) -> Option<Step> {
        let (name, given) = (planned.step.kind().name, &self.case.given);
        let act = match meaning(&planned.step, given.realm(), &given.users) {
            StepMapping::JourneyAction(act) => {
                let looks = [act.left_out(), planned.sent.as_ref().map(|_| "sent")];
                looks.into_iter().flatten().for_each(|what| *self.left_out.entry(what.to_owned()).or_default() += 1);
                act
            }
            StepMapping::LeftOut => {
                *self.left_out.entry(name.to_owned()).or_default() += 1;
                return None;
            }
            StepMapping::Unfit(why) => {
                if self.unfit.insert(name) {
                    let message = format!("`{name}` makes this scenario unfit as a journey: {why}");
                    self.wrong(planned.span, why, message, HELP);
                }
                return None;
            }
        };
        self.check_time(&act, planned);
        self.check_values(&act, planned);
        let place = self.decoder.source().place(planned.span);
        let warns = self.case.warns_at(planned, self.clauses);
        Some(Step { act, expect: planned.expect.clone(), place, words: planned.step.describe(), warns })
    }

    /// Rejects a step that uses a variable without a value in a journey.
    fn check_values(&mut self, act: &JourneyAction, planned: &ScenarioStep) {
        let names: Vec<_> =
            act.texts().into_iter().flat_map(|text| references(&text.0)).map(|(name, _)| name).collect();
        let of_a_person = |name: &str| {
            let of = name.strip_suffix(".id").or_else(|| name.strip_suffix(".externalId"));
            of.is_some_and(|person| self.case.given.users.iter().any(|known| known == person))
        };
        let missing = |name: &&str| !TEAM.contains(name) && !of_a_person(name) && !self.bound.contains(*name);
        if let Some(name) = names.into_iter().find(missing) {
            let message = format!("`${name}` makes this scenario unfit as a journey: {NO_VALUE}");
            self.wrong(planned.span, NO_VALUE, message, HELP);
        }
        self.bound.extend(act.binds());
    }

    /// Rejects a step that expects a refusal because time has passed: only the users' clocks can be advanced, not the server's.
    fn check_time(&mut self, act: &JourneyAction, planned: &ScenarioStep) {
        self.late |= matches!(act, JourneyAction::Expire | JourneyAction::Advance(_));
        let takes = |answer: &StepResult| planned.expect.accepts(answer);
        let good = takes(&StepResult::Ok) || takes(&StepResult::Http { status: 200 });
        let by_server = matches!(
            act,
            JourneyAction::SignIn(_)
                | JourneyAction::ClientCall(_)
                | JourneyAction::ClientExchange(_)
                | JourneyAction::ClientRefresh(_)
        );
        if self.late && by_server && !good {
            let what = SERVER_TIME.trim_start_matches("it ");
            self.wrong(planned.span, SERVER_TIME, format!("`{}` {what}", planned.step.kind().name), HELP);
        }
    }
}

/// Groups steps into stages. Each stage ends with a step that makes a call; steps after the last call belong to the last stage.
fn stages(steps: Vec<Step>) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    let mut open: Vec<Step> = Vec::new();
    for step in steps {
        let calls = !step.calls().is_empty();
        let name = step.words.clone();
        open.push(step);
        if calls {
            stages.push(Stage { name, steps: std::mem::take(&mut open) });
        }
    }
    if let Some(last) = stages.last_mut() {
        last.steps.append(&mut open);
    }
    stages
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use vouch_runner::run::Plan;
    use vouch_spec::scenario::Suite;

    fn read(file: &str) -> Vec<Result<Journey, Vec<String>>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios").join(file);
        let (suite, problems) = Suite::load(&[path]).expect("a suite");
        let plan = Plan::build(&suite, problems).expect("a plan");
        let told = |unfit: Unfit| {
            unfit.problems.iter().map(|problem| format!("{}: {}", problem.place(), problem.message)).collect::<Vec<_>>()
        };
        plan.cases.iter().map(|case| Journey::read(case, &plan.clauses).map_err(told)).collect()
    }

    #[test]
    fn stages_end_with_a_call_and_hold_what_stands_before_it() {
        let journeys = read("refresh/rotation.yaml");
        let Ok(journey) = &journeys[0] else { panic!("unfit") };
        let acts: Vec<usize> = journey.stages.iter().map(|stage| stage.steps.len()).collect();
        // signedIn; expire, request; expire, request; relaunch, expire, request.
        assert_eq!(acts, [1, 2, 2, 3]);
        assert_eq!(
            journey.series(),
            [
                "rotation",
                "rotation/issue",
                "rotation/exchange",
                "rotation/refresh",
                "rotation/resource",
                "rotation/other"
            ]
        );
        let journeys = read("sign-out/token-scheme.yaml");
        let Ok(journey) = &journeys[0] else { panic!("unfit") };
        assert_eq!(journey.left_out.get("status"), Some(&2));
        // The relaunch and the reboot after the last call belong to its stage.
        assert!(journey.stages.last().is_some_and(|stage| stage.steps.len() > 1));
    }

    #[test]
    fn a_matrix_makes_a_journey_of_each_case() {
        let journeys = read("scope/own-resources.yaml");
        assert_eq!(journeys.len(), 3);
        for journey in &journeys {
            assert!(journey.as_ref().is_ok_and(|journey| journey.id.starts_with("own-resources[/v2/")));
        }
    }

    #[test]
    fn what_makes_a_scenario_unfit_is_told_at_its_place() {
        for (file, part) in [
            ("persistence/kill.yaml", "`kill` makes this scenario unfit"),
            ("refresh/retry-after.yaml", "`fault` makes this scenario unfit"),
            ("exchange/expired-token.yaml", "a sign-in token does not expire"),
            ("scope/bodies.yaml", "the contents of responses"),
            ("exchange/token-shapes.yaml", "`issueToken` makes this scenario unfit"),
            ("exchange/awkward-refresh-token.yaml", "needs a cloud with its own settings"),
            ("identity/access-token-lifetime.yaml", "the clock of a load's server cannot be advanced"),
            ("identity/isolation.yaml", "one environment and region"),
            ("issuance/first-request.yaml", "`newcomers` are new only once"),
            ("reconciliation/in-step.yaml", "no app with logic"),
            ("api-key/not-configured.yaml", "no step of this scenario makes a call"),
        ] {
            let Some(Err(problems)) = read(file).into_iter().next() else { panic!("{file} is fit") };
            assert!(
                problems.iter().any(|p| p.contains(part) && p.contains(&format!("{file}:"))),
                "{file}: {problems:#?}"
            );
        }
    }
}
