//! A step of a scenario, read and ready to run.

use super::{KINDS, Reading, Step, StepError, StepFailure, StepKind, StepResult, app_user};
use crate::run::expiries::Expiries;
use crate::run::outcome::Outcomes;
use crate::run::traffic::TrafficExpectation;
use crate::run::world::World;
use std::collections::BTreeSet;
use std::sync::Arc;
use vouch_spec::protocol::{Capability, Control, Realm};
use vouch_spec::text::{Decoder, Key, Kind, Node, Span, Spanned, did_you_mean};

/// The fields that every step may have beside its own.
const COMMON: [&str; 3] = ["expect", "sent", "clause"];

/// A step that is ready to run.
#[derive(Clone)]
pub struct Planned {
    pub kind: &'static StepKind,
    step: Arc<dyn Step>,
    expect: Outcomes,
    sent: Option<TrafficExpectation>,
    clauses: Vec<String>,
    pub span: Span,
}

impl Planned {
    /// Reads a step of a scenario: a bare name, or a map of one step and the common fields.
    pub fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let decoder = reading.decoder;
        let nothing = Node::new(Kind::Null, node.span);
        let bare;
        let entries = match &node.kind {
            Kind::Text(name) => {
                bare = [(Key { name: name.clone(), span: node.span }, nothing)];
                &bare[..]
            }
            Kind::Map(entries) => entries,
            _ => {
                decoder.wrong(
                    node.span,
                    format!("a step is a name or a map, not {}", node.what()),
                    "write for example `- relaunch` or `- signIn: $token`",
                );
                return None;
            }
        };
        let (kind, value, span) = find_kind(entries, node, decoder)?;
        let field = |name: &str| entries.iter().find(|(key, _)| key.name == name);
        let expect = match field("expect") {
            Some((key, _)) if !kind.answers => {
                decoder.wrong(
                    key.span,
                    format!("`{}` has no answer to expect anything of", kind.name),
                    "remove `expect`",
                );
                None
            }
            Some((_, value)) => decoder.decode::<Outcomes>(value),
            None => Some(Outcomes::default()),
        };
        let sent = match field("sent") {
            Some((_, value)) => Some(decoder.decode::<TrafficExpectation>(value)?),
            None => None,
        };
        let clauses = field("clause").map_or(Some(vec![]), |(_, value)| read_clauses(value, reading))?;
        if kind.names_person {
            check_person(value, reading);
        }
        let step = (kind.read)(value, reading)?;
        Some(Self { kind, step, expect: expect?, sent, clauses, span })
    }

    pub fn words(&self) -> String {
        self.step.words()
    }

    /// Runs the step and judges its answer and what it sent.
    pub async fn perform(&self, world: &Arc<World>) -> Result<StepResult, Box<StepFailure>> {
        let result = self.run_and_judge(world).await;
        result.map_err(|halt| {
            let mut clauses = self.clauses.clone();
            if clauses.is_empty() {
                clauses.extend(self.kind.clause.map(str::to_owned));
            }
            Box::new(StepFailure { span: self.span, words: self.words(), clauses, halt })
        })
    }

    async fn run_and_judge(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let idle_from = world.idle_from();
        let mark = self.step.counts_from(world).unwrap_or_else(|| world.transcript.len());
        let answer = self.step.run(world).await?;
        if self.kind.answers {
            self.expect.judge(&answer)?;
        }
        if let Some(sent) = &self.sent {
            sent.judge(&world.window(mark, idle_from), world)?;
        }
        Ok(answer)
    }

    /// The capabilities that this step and those inside it need.
    pub fn collect_needs(&self, needs: &mut BTreeSet<Capability>) {
        needs.extend(self.kind.needs);
        self.step.inside().iter().for_each(|step| step.collect_needs(needs));
    }

    /// What a cloud must be able to do for this step and those inside it.
    pub fn collect_demands(&self, demands: &mut BTreeSet<Control>) {
        demands.extend(self.kind.demands);
        demands.extend(self.step.demands());
        self.step.inside().iter().for_each(|step| step.collect_demands(demands));
    }

    /// The realms that this step and those inside it are about.
    pub fn collect_realms(&self, home: Realm, realms: &mut BTreeSet<Realm>) {
        realms.insert(self.step.realm(home));
        self.step.inside().iter().for_each(|step| step.collect_realms(home, realms));
    }

    /// Whether the SDK's process must run under a trap for writes to storage.
    pub fn traps(&self) -> bool {
        self.step.traps()
    }

    /// How many calls into the build it makes at the most.
    pub fn calls(&self) -> usize {
        self.step.calls()
    }

    /// The expiries that this step and those inside it wait for.
    pub fn expiries(&self) -> Expiries {
        self.step.inside().iter().map(Planned::expiries).fold(self.step.expiries(), Expiries::plus)
    }

    /// The step alone, for those who judge its answer later.
    pub(super) fn bare(&self) -> Arc<dyn Step> {
        self.step.clone()
    }
}

/// The one entry that names a step.
fn find_kind<'n>(
    entries: &'n [(Key, Node)],
    node: &Node,
    decoder: &Decoder,
) -> Option<(&'static StepKind, &'n Node, Span)> {
    let mut found: Option<(&'static StepKind, &Node, Span)> = None;
    let mut wrong = false;
    for (key, value) in entries {
        if COMMON.contains(&key.name.as_str()) {
            continue;
        }
        match (KINDS.iter().find(|kind| kind.name == key.name), found) {
            (Some(_), Some((first, ..))) => {
                decoder.wrong(
                    key.span,
                    format!("`{}` and `{}` in one step", first.name, key.name),
                    "begin each step with its own `- `",
                );
                wrong = true;
            }
            (Some(kind), None) => found = Some((kind, value, key.span)),
            (None, _) => {
                let valid = KINDS.iter().map(|kind| kind.name).chain(COMMON);
                decoder.wrong(
                    key.span,
                    format!("unknown step or field `{}`", key.name),
                    did_you_mean(&key.name, valid),
                );
                wrong = true;
            }
        }
    }
    if found.is_none() && !wrong {
        decoder.wrong(node.span, "no step here", "name one, for example `signIn: $token`");
    }
    found.filter(|_| !wrong)
}

fn read_clauses(node: &Node, reading: &Reading<'_>) -> Option<Vec<String>> {
    let list = match &node.kind {
        Kind::List(_) => reading.decoder.decode::<Vec<Spanned<String>>>(node)?,
        _ => vec![reading.decoder.decode::<Spanned<String>>(node)?],
    };
    for clause in &list {
        if !reading.proves.iter().any(|proved| proved.value == clause.value) {
            let proved: Vec<_> = reading.proves.iter().map(|proved| proved.value.as_str()).collect();
            let help = format!("add it there; it lists {}", proved.join(", "));
            reading.decoder.wrong(clause.span, format!("`{}` is not under `proves`", clause.value), help);
        }
    }
    Some(list.into_iter().map(|clause| clause.value).collect())
}

fn check_person(value: &Node, reading: &Reading<'_>) {
    let named = value.get("user").unwrap_or(value);
    let Some(name) = named.as_text() else { return };
    if name != app_user::NOBODY && !reading.people.iter().any(|person| person == name) {
        let help = did_you_mean(name, reading.people.iter().map(String::as_str));
        reading.decoder.wrong(named.span, format!("nobody is called `{name}` under `given`"), help);
    }
}
