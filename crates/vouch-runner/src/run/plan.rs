//! From scenarios to cases: matrices are expanded, steps get their meaning, what cannot run is known before anything does.

use super::shard::{RunShard, Shard};
use super::step_checks;
use super::summary::Completeness;
use crate::museum::InstallationState;
use std::collections::BTreeSet;
use std::sync::Arc;
use vouch_spec::profile::{Profile, Standard};
use vouch_spec::protocol::{Capability, Control, DeviceControl, Realm, Role};
use vouch_spec::scenario::{Clauses, CloudGiven, Combination, Given, Level, Scenario, Suite, references};
use vouch_spec::step::{Expiries, Outcomes, Reading, ScenarioStep, Step};
use vouch_spec::text::{Decoder, Diagnostic, Diagnostics, Node};

/// Everything that a run will do. Cheap to clone: clones share clauses and cases.
#[derive(Clone)]
pub struct Plan {
    pub clauses: Arc<Clauses>,
    pub cases: Vec<Arc<PlannedCase>>,
    /// A filter left out cases. No verdict on a build follows from a part of a suite.
    pub is_part: bool,
    /// The shard that the cases are, if the run is split.
    pub shard: Option<RunShard>,
}

/// One case: a scenario with its matrix variables filled in.
#[derive(Clone)]
pub struct PlannedCase {
    /// The scenario's id, and what tells this case from its siblings.
    pub id: String,
    pub scenario: Arc<Scenario>,
    pub given: Given,
    pub steps: Vec<ScenarioStep>,
    /// Capabilities that the SDK must claim.
    pub needs: BTreeSet<Capability>,
    /// What the cloud must be able to do.
    pub demands: BTreeSet<Control>,
    /// What the device must be able to do.
    pub device: BTreeSet<DeviceControl>,
    /// The realms that the cloud must have.
    pub realms: BTreeSet<Realm>,
}

/// What the roles of a run offer.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// What the SDK claims.
    pub capabilities: BTreeSet<Capability>,
    pub controls: BTreeSet<Control>,
    pub realms: BTreeSet<Realm>,
    /// What the device can do to the app.
    pub device: BTreeSet<DeviceControl>,
    /// Whether the SDK's process can be ended at a write to storage.
    pub crashes_at_writes: bool,
    /// What the previous build of the SDK offers, if there is one.
    pub previous: Option<PreviousOffer>,
    /// The wire profile.
    pub profile: String,
    /// The wire profile, where the SDK does not speak it.
    pub unspoken: Option<String>,
    /// The standards that the wire profile claims.
    pub claims: BTreeSet<Standard>,
}

/// What a previous build offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviousOffer {
    /// It can be started, and claims this.
    Runnable(BTreeSet<Capability>),
    /// It left an installation in these states.
    Stored(BTreeSet<InstallationState>),
    /// What it left cannot be used: the cases that need it fail by the fault of the environment.
    Unusable,
}

/// How reasons of [`Skip`] begin. A record has them as texts, and is judged by them again.
pub(crate) const CANNOT_INTERCEPT: &str = "the writes of the SDK's process cannot be intercepted";
pub(crate) const NO_DEVICE_HOOK: &str = "there is no device hook";
pub(crate) const NO_PREVIOUS_BUILD: &str = "the target file has no previous build, [sdk.previous]";
pub(crate) const NO_OTHER_PROFILE: &str = "it updates to the wire profile junction, and the run has another one";
pub(crate) const PREVIOUS_UNCLAIMED: &str = "the previous build does not claim";
pub(crate) const STORED_INSTALLATION: &str = "the stored installation of the previous build";

/// Why a case does not run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skip(pub String);

impl Plan {
    /// Plans a suite. `problems` are those found so far; all are told together.
    pub fn build(suite: &Suite, mut problems: Vec<Diagnostic>) -> Result<Self, Diagnostics> {
        let mut cases = Vec::new();
        for scenario in &suite.scenarios {
            let decoder = Decoder::new(&scenario.source);
            cases.extend(expand(scenario, &decoder).into_iter().map(Arc::new));
            problems.extend(decoder.finish());
        }
        if problems.is_empty() {
            Ok(Self { clauses: Arc::new(suite.clauses.clone()), cases, is_part: false, shard: None })
        } else {
            Err(Diagnostics(problems).tidy())
        }
    }

    /// Keeps the cases that a filter names.
    pub fn keep(&mut self, filter: &Filter) {
        let all = self.cases.len();
        self.cases.retain(|case| filter.accepts(case));
        self.is_part |= self.cases.len() < all;
    }

    /// Keeps the cases that put a build on one of these roles to the test.
    pub fn keep_roles(&mut self, roles: &[Role]) {
        self.cases.retain(|case| case.tries(roles));
    }

    /// Keeps the cases of a shard: every n-th of those that are left, in the order of the files. The cases of a scenario,
    /// which take the same time, go to different shards.
    pub fn keep_shard(&mut self, shard: Shard) {
        let cases = std::mem::take(&mut self.cases).into_iter().enumerate();
        self.cases = cases.filter(|(index, _)| shard.has(*index)).map(|(_, case)| case).collect();
        let together = self.completeness();
        self.shard = Some(RunShard { shard, together });
    }

    /// How much of the suite the plan has.
    pub fn completeness(&self) -> Completeness {
        if self.is_part || self.shard.is_some() { Completeness::Part } else { Completeness::Whole }
    }

    /// Whether no case proves some `must` clause.
    pub fn leaves_must_clauses_uncovered(&self) -> bool {
        let uncovered = self.uncovered();
        self.clauses.iter().any(|clause| clause.level == Level::Must && uncovered.contains(&clause.id.as_str()))
    }

    /// The clauses that no case proves.
    pub fn uncovered(&self) -> Vec<&str> {
        let proved: BTreeSet<_> = self.cases.iter().flat_map(|case| case.scenario.proves()).collect();
        self.clauses.iter().map(|clause| clause.id.as_str()).filter(|id| !proved.contains(id)).collect()
    }
}

/// Which cases to run: those that any of the words names.
#[derive(Clone, Debug, Default)]
pub struct Filter(pub Vec<String>);

impl Filter {
    fn accepts(&self, case: &PlannedCase) -> bool {
        self.0.is_empty() || self.0.iter().any(|word| matches(word, case))
    }
}

/// A group, a clause (`MIG-5`), a group of clauses (`MIG`), or a part of a case's id.
fn matches(word: &str, case: &PlannedCase) -> bool {
    let clause = |id: &str| {
        let (id, word) = (id.to_uppercase(), word.to_uppercase());
        id == word || id.split('-').next() == Some(word.as_str())
    };
    case.scenario.group == word || case.scenario.proves().any(clause) || case.id.contains(word)
}

impl PlannedCase {
    /// Why roles that offer this cannot run the case, if they cannot.
    pub fn skip(&self, offer: &Offer) -> Option<Skip> {
        if self.traps() && !offer.crashes_at_writes {
            return Some(Skip(format!("{CANNOT_INTERCEPT} (Vouch must start it, on Linux with seccomp)")));
        }
        if let Some(control) = self.device.difference(&offer.device).next() {
            return Some(Skip(format!("{NO_DEVICE_HOOK} {control}")));
        }
        if let Some(profile) = &offer.unspoken {
            return Some(Skip(format!("the SDK does not claim {profile}")));
        }
        let missing: Vec<_> = self.needs.difference(&offer.capabilities).map(|capability| capability.word()).collect();
        if !missing.is_empty() {
            return Some(Skip(format!("the SDK does not claim {}", missing.join(", "))));
        }
        if let Some(skip) = self.skip_without_previous(offer) {
            return Some(skip);
        }
        if let Some(standard) = self.scenario.header.claims.iter().find(|standard| !offer.claims.contains(standard)) {
            return Some(Skip(format!("the wire profile does not claim {}", standard.words())));
        }
        if let Some(realm) = self.realms.difference(&offer.realms).next() {
            return Some(Skip(format!("the cloud has no {realm}")));
        }
        let missing: Vec<_> = self.demands.difference(&offer.controls).copied().collect();
        if missing.contains(&Control::Shape) {
            return Some(Skip("it needs tokens, answers or a count that only the mock cloud can give".into()));
        }
        if missing.contains(&Control::ReportDeletion) {
            return Some(Skip("a refused refresh of this identity provider cannot say that the user is gone".into()));
        }
        let words: Vec<_> = missing.iter().map(|control| control.word()).collect();
        (!words.is_empty()).then(|| Skip(format!("the target file has no hook {}", words.join(", "))))
    }

    /// Why the previous build cannot take its part in the case, if it has one.
    fn skip_without_previous(&self, offer: &Offer) -> Option<Skip> {
        self.installs().next()?;
        let claimed = match &offer.previous {
            None => return Some(Skip(NO_PREVIOUS_BUILD.into())),
            Some(PreviousOffer::Unusable) => return None,
            Some(PreviousOffer::Stored(_)) if self.given.previous_profile.is_some() => {
                let what = "does not run, and the case needs a previous build of another wire profile that does";
                return Some(Skip(format!("{STORED_INSTALLATION} {what}")));
            }
            Some(PreviousOffer::Stored(states)) => return self.skip_with_stored(states),
            Some(PreviousOffer::Runnable(claimed)) => claimed,
        };
        let mut needs = self.needs.clone();
        if let Some(profile) = self.given.previous_profile {
            if offer.profile != Profile::junction().name {
                return Some(Skip(NO_OTHER_PROFILE.into()));
            }
            needs.insert(profile.capability());
        }
        let missing: Vec<_> = needs.difference(claimed).map(|capability| capability.word()).collect();
        (!missing.is_empty()).then(|| Skip(format!("{PREVIOUS_UNCLAIMED} {}", missing.join(", "))))
    }

    /// Why a stored installation cannot take the place of the previous build.
    fn skip_with_stored(&self, states: &BTreeSet<InstallationState>) -> Option<Skip> {
        match self.stored_start() {
            Some(StoredStart { state, .. }) if states.contains(&state) => None,
            Some(StoredStart { state, .. }) => Some(Skip(format!("{STORED_INSTALLATION} has no state {state}"))),
            None => {
                Some(Skip(format!("{STORED_INSTALLATION} does not run, and the case needs a previous build that does")))
            }
        }
    }

    /// The state in which the previous build leaves the device before the update, if all that it does until then is to bring
    /// about that state.
    pub(super) fn stored_start(&self) -> Option<StoredStart> {
        let installs_previous = |step: &Step| matches!(step, Step::Downgrade(_));
        if !self.starts_with_previous() || self.installs().any(installs_previous) {
            return None;
        }
        let is_update = |step: &ScenarioStep| {
            std::iter::once(step).chain(step.step.inner()).any(|step| matches!(step.step, Step::Update(_)))
        };
        let steps = self.steps.iter().position(is_update)?;
        let first = self.given.users.first()?;
        let mut state = None;
        for step in &self.steps[..steps] {
            state = match (&step.step, state) {
                (Step::SignedIn(of), None) if of.user == *first => Some(InstallationState::SignedIn),
                (Step::SignedInWithApiKey(of), None) if of.user == *first => {
                    Some(InstallationState::SignedInWithApiKey)
                }
                (Step::SignOut(_), Some(InstallationState::SignedIn)) => Some(InstallationState::SignedOut),
                (step, state) if happens_to_the_device(step) => state,
                _ => return None,
            };
        }
        Some(StoredStart { state: state?, steps })
    }

    /// The updates and downgrades among its steps.
    fn installs(&self) -> impl Iterator<Item = &Step> {
        self.all_steps().filter(|step| matches!(step, Step::Update(_) | Step::Downgrade(_)))
    }

    /// Whether the previous build takes part in it.
    pub(crate) fn needs_previous(&self) -> bool {
        self.installs().next().is_some()
    }

    /// Whether the previous build is installed at first.
    pub(super) fn starts_with_previous(&self) -> bool {
        matches!(self.installs().next(), Some(Step::Update(_)))
    }

    /// Whether an unexpected result of a step is a warning: all clauses that it then violates are `should` clauses. A step that
    /// only prepares the case says nothing about clauses, so it is none.
    pub fn warns_at(&self, step: &ScenarioStep, clauses: &Clauses) -> bool {
        let should = |id: &str| clauses.get(id).is_some_and(|clause| clause.level == Level::Should);
        if !step.clauses.is_empty() {
            return step.clauses.iter().all(|id| should(id));
        }
        let prepares = step.step.kind().setup_clause.is_some() || step.expect == Outcomes::default();
        let mut proved = self.scenario.proves().peekable();
        !prepares && !self.names_clauses() && proved.peek().is_some() && proved.all(should)
    }

    /// Whether the case puts a build on one of these roles to the test.
    pub fn tries(&self, roles: &[Role]) -> bool {
        self.scenario.header.roles.iter().any(|role| roles.contains(role))
    }

    /// Whether some steps name the clauses that they are about. The other steps then prepare the case.
    pub(super) fn names_clauses(&self) -> bool {
        self.steps.iter().any(ScenarioStep::names_clauses)
    }

    /// Whether the SDK's process must run under a trap for writes to storage.
    pub(crate) fn traps(&self) -> bool {
        self.steps.iter().any(|step| step.step.intercepts_writes())
    }

    /// Whether it runs once for each write of a call, at which a fault strikes.
    pub(super) fn strikes_at_each_write(&self) -> bool {
        self.all_steps().any(|step| match step {
            Step::Crash(crash) => crash.write.is_none(),
            Step::FailWrites(fail) => fail.write.is_none(),
            _ => false,
        })
    }

    /// Its steps and those inside them.
    fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().flat_map(|step| std::iter::once(step).chain(step.step.inner())).map(|step| &step.step)
    }

    /// The expiries that its steps wait for.
    pub(super) fn expiries(&self) -> Expiries {
        self.steps.iter().map(|step| step.step.expiries()).fold(Expiries::default(), Expiries::plus)
    }
}

/// Whether a step needs no build that runs.
fn happens_to_the_device(step: &Step) -> bool {
    matches!(step, Step::Kill(_) | Step::LockStorage(_))
}

/// How a case starts from a stored installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoredStart {
    pub state: InstallationState,
    /// The number of steps before the update.
    pub steps: usize,
}

impl StoredStart {
    /// Whether the stored installation has done a step already. `index`: that of the step in the case.
    pub fn replaces(self, index: usize, step: &Step) -> bool {
        index < self.steps && !happens_to_the_device(step)
    }
}

fn expand(scenario: &Scenario, decoder: &Decoder) -> Vec<PlannedCase> {
    let combinations = scenario.matrix.combinations();
    let shared = Arc::new(scenario.clone());
    let mut cases = Vec::new();
    for (number, combination) in combinations.iter().enumerate() {
        let given = read_given(scenario, combination, decoder);
        let people = people(scenario, given.as_ref());
        if number == 0 {
            check_variables(scenario, &people, decoder);
            step_checks::check_matrix(scenario, decoder);
        }
        let reading = Reading { decoder, proves: &scenario.header.proves, users: &people };
        let steps: Vec<_> = scenario
            .steps
            .iter()
            .map(|step| step.map_texts(&|text| combination.substitute(text)))
            // A variable of a broken matrix was told of already.
            .map(
                |step| {
                    if uses_any(&step, scenario.matrix.names()) { None } else { ScenarioStep::read(&step, &reading) }
                },
            )
            .collect();
        let (Some(given), Some(steps)) = (given, steps.into_iter().collect::<Option<Vec<_>>>()) else { continue };
        step_checks::check(&steps, &people, decoder);
        let mut needs: BTreeSet<_> = scenario.header.needs.iter().copied().collect();
        steps.iter().for_each(|step: &ScenarioStep| step.collect_needs(&mut needs));
        let (mut demands, mut realms) = (BTreeSet::new(), BTreeSet::from([given.realm()]));
        let mut device = BTreeSet::new();
        for step in &steps {
            step.collect_device_controls(&mut device);
            step.collect_demands(&mut demands);
            step.collect_realms(given.realm(), &mut realms);
        }
        let own_wire = given.profile.is_some() || given.previous_profile.is_some();
        if given.cloud != CloudGiven::default() || own_wire {
            demands.insert(Control::Shape);
        }
        let id = format!("{}{}", scenario.id(), combination.suffix());
        cases.push(PlannedCase { id, scenario: shared.clone(), given, steps, needs, demands, device, realms });
    }
    cases
}

/// Whether variables of these names are left in a tree.
fn uses_any<'n>(node: &Node, names: impl Iterator<Item = &'n str> + Clone) -> bool {
    let mut found = false;
    node.each_text(&mut |text, _| found |= references(text).iter().any(|(name, _)| names.clone().any(|n| n == *name)));
    found
}

fn read_given(scenario: &Scenario, combination: &Combination, decoder: &Decoder) -> Option<Given> {
    match &scenario.given {
        Some(node) => decoder.decode(&node.map_texts(&|text| combination.substitute(text))),
        None => Some(Given::default()),
    }
}

/// The names under `given`, also where the rest of it is broken.
fn people(scenario: &Scenario, given: Option<&Given>) -> Vec<String> {
    if let Some(given) = given {
        return given.users.iter().chain(&given.newcomers).cloned().collect();
    }
    let lists = ["users", "newcomers"].into_iter().filter_map(|field| scenario.given.as_ref()?.get(field)?.as_list());
    let named: Vec<_> = lists.flatten().filter_map(|name| name.as_text().map(str::to_owned)).collect();
    if named.is_empty() { Given::default().users } else { named }
}

/// Every variable that is used must be given by matrix, `given`, or an earlier step.
fn check_variables(scenario: &Scenario, people: &[String], decoder: &Decoder) {
    let mut known: Vec<String> = scenario.matrix.names().map(str::to_owned).collect();
    known.extend(["team.key".into(), "team.keyStart".into()]);
    for name in people {
        known.extend([format!("{name}.id"), format!("{name}.externalId")]);
    }
    if let Some(node) = &scenario.given {
        check_node(node, &known, decoder);
    }
    for step in &scenario.steps {
        check_node(step, &known, decoder);
        bound_names(step, &mut known);
    }
}

fn check_node(node: &Node, known: &[String], decoder: &Decoder) {
    node.each_text(&mut |text, span| vouch_spec::scenario::check_variables(text, span, known, decoder));
}

fn bound_names(node: &Node, known: &mut Vec<String>) {
    for (key, value) in node.as_map().unwrap_or_default() {
        match value.as_text() {
            Some(name) if key.name == "as" => known.extend([name.to_owned(), format!("{name}.jwt")]),
            _ => {
                if let (true, Some(session)) = (key.name.starts_with("client"), value.get("as").and_then(Node::as_text))
                {
                    let fields = ["accessToken", "refreshToken", "expiresIn"];
                    known.extend(fields.map(|field| format!("{session}.{field}")));
                }
                bound_names(value, known);
            }
        }
    }
    for item in node.as_list().unwrap_or_default() {
        bound_names(item, known);
    }
}
