//! The steps. One file a kind, with its fields, its doing and its words together; [`KINDS`] lists them all.

mod advance;
mod app_user;
pub(super) mod begin;
mod cancel;
mod check_token;
mod clear_faults;
mod clock_off;
mod configure;
mod current_user;
mod damage_storage;
mod delete_user;
mod expire;
mod fault;
mod finish;
mod forge_token;
mod identify;
mod issue_token;
mod kill;
mod launch;
mod lock_storage;
mod network;
mod pause;
mod present;
mod reboot;
mod reconcile;
mod refresh;
mod refuse_access_tokens;
mod reinstall;
mod relaunch;
mod release;
mod request;
mod revoke;
mod set_user_id;
mod sign_in;
mod sign_out;
mod signed_in;
mod signed_in_with_api_key;
mod status;
mod status_changes;
mod storage;
mod together;
mod undo_delete;

use super::expect::Outcomes;
use super::sent::Sent;
use super::world::{Expiries, World};
use crate::protocol::{Capability, ErrorKind};
use crate::seat::Trouble;
use crate::text::{Decoder, Key, Kind, Node, Span, Spanned, did_you_mean};
use async_trait::async_trait;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Every step there is, in the order of the guide.
pub static KINDS: &[StepKind] = &[
    signed_in::KIND,
    signed_in_with_api_key::KIND,
    issue_token::KIND,
    forge_token::KIND,
    check_token::KIND,
    sign_in::KIND,
    sign_out::KIND,
    status::KIND,
    status_changes::KIND,
    current_user::KIND,
    request::KIND,
    refresh::KIND,
    configure::KIND,
    set_user_id::KIND,
    identify::KIND,
    app_user::KIND,
    reconcile::KIND,
    storage::KIND,
    relaunch::KIND,
    kill::KIND,
    launch::KIND,
    reboot::KIND,
    reinstall::KIND,
    damage_storage::KIND,
    lock_storage::LOCK,
    lock_storage::UNLOCK,
    network::KIND,
    fault::KIND,
    clear_faults::KIND,
    release::KIND,
    clock_off::KIND,
    advance::KIND,
    expire::KIND,
    delete_user::KIND,
    undo_delete::KIND,
    revoke::KIND,
    refuse_access_tokens::KIND,
    present::KIND,
    together::KIND,
    begin::KIND,
    cancel::KIND,
    finish::KIND,
    pause::KIND,
];

/// What a step does to the world.
#[async_trait]
pub trait Step: Send + Sync {
    /// The step in the guide's words, for reports. Variables stand as the scenario wrote them.
    fn words(&self) -> String;

    async fn run(&self, world: &Arc<World>) -> Result<Answer, Halt>;

    /// The expiries that this step itself waits for.
    fn expiries(&self) -> Expiries {
        Expiries::default()
    }

    /// The steps inside this one.
    fn inside(&self) -> &[Planned] {
        &[]
    }

    /// From which exchange on `sent` counts, where that is not the start of this step.
    fn counts_from(&self, _: &World) -> Option<usize> {
        None
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The world was changed; there is no answer to judge.
    Done,
    Ok,
    Refused {
        kind: ErrorKind,
        text: String,
    },
    Http {
        status: u16,
    },
    /// The process was killed on purpose in the middle.
    Killed,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Done | Answer::Ok => f.write_str("ok"),
            Answer::Refused { kind, text } => write!(f, "the error {kind} ({text})"),
            Answer::Http { status } => write!(f, "HTTP {status}"),
            Answer::Killed => f.write_str("the process was killed in the middle"),
        }
    }
}

/// Why a case goes no further.
#[derive(Clone, Debug)]
pub enum Halt {
    /// The build did something else than the scenario expects.
    Unmet { expected: String, got: String },
    /// The adapter misbehaved.
    Adapter(Trouble),
    /// The scenario asks for what makes no sense: its author's fault.
    Scenario(String),
    /// The harness or its environment failed.
    Harness(String),
    /// A step inside this one halted.
    Inside(Box<Failure>),
}

/// A step that halted.
#[derive(Clone, Debug)]
pub struct Failure {
    pub span: Span,
    pub words: String,
    /// The clauses that the step itself names.
    pub clauses: Vec<String>,
    pub halt: Halt,
}

impl Failure {
    /// The innermost step that halted.
    pub fn innermost(self) -> Failure {
        match self.halt {
            Halt::Inside(inner) => inner.innermost(),
            _ => self,
        }
    }
}

/// Reads a step's value.
type Reader = fn(&Node, &Reading<'_>) -> Option<Arc<dyn Step>>;

/// One kind of step.
pub struct StepKind {
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Capabilities that an SDK must claim for it.
    pub needs: &'static [Capability],
    /// Whether it has an answer that `expect` can judge.
    pub answers: bool,
    /// Whether its field `user` names a person of the scenario.
    names_person: bool,
    /// A preparation that fails breaks this clause, whatever the scenario is about.
    pub clause: Option<&'static str>,
    read: Reader,
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

impl StepKind {
    const fn new<S>(name: &'static str, about: &'static str) -> Self
    where
        S: Step + for<'de> Deserialize<'de> + JsonSchema + 'static,
    {
        Self {
            name,
            about,
            needs: &[],
            answers: false,
            clause: None,
            names_person: false,
            read: |node, reading| reading.decoder.decode::<S>(node).map(|step| Arc::new(step) as Arc<dyn Step>),
            schema: S::json_schema,
        }
    }

    const fn answers(mut self) -> Self {
        self.answers = true;
        self
    }

    const fn needs(mut self, needs: &'static [Capability]) -> Self {
        self.needs = needs;
        self
    }

    const fn clause(mut self, clause: &'static str) -> Self {
        self.clause = Some(clause);
        self
    }

    const fn person(mut self) -> Self {
        self.names_person = true;
        self
    }

    const fn reader(mut self, read: Reader) -> Self {
        self.read = read;
        self
    }
}

/// What reading a step needs to know.
pub struct Reading<'a> {
    pub decoder: &'a Decoder,
    /// The clauses that the scenario proves.
    pub proves: &'a [Spanned<String>],
    /// The names under `given`.
    pub people: &'a [String],
}

/// The fields that every step may have beside its own.
const COMMON: [&str; 3] = ["expect", "sent", "clause"];

/// A step that is ready to run.
#[derive(Clone)]
pub struct Planned {
    pub kind: &'static StepKind,
    step: Arc<dyn Step>,
    expect: Outcomes,
    sent: Option<Sent>,
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
            Some((_, value)) => Some(decoder.decode::<Sent>(value)?),
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
    pub async fn perform(&self, world: &Arc<World>) -> Result<(), Box<Failure>> {
        let result = self.run_and_judge(world).await;
        result.map_err(|halt| {
            let mut clauses = self.clauses.clone();
            if clauses.is_empty() {
                clauses.extend(self.kind.clause.map(str::to_owned));
            }
            Box::new(Failure { span: self.span, words: self.words(), clauses, halt })
        })
    }

    async fn run_and_judge(&self, world: &Arc<World>) -> Result<(), Halt> {
        let mark = self.step.counts_from(world).unwrap_or_else(|| world.transcript.len());
        let answer = self.step.run(world).await?;
        if self.kind.answers {
            self.expect.judge(&answer)?;
        }
        match &self.sent {
            Some(sent) => sent.judge(&world.transcript.since(mark), world),
            None => Ok(()),
        }
    }

    /// The capabilities that this step and those inside it need.
    pub fn collect_needs(&self, needs: &mut BTreeSet<Capability>) {
        needs.extend(self.kind.needs);
        self.step.inside().iter().for_each(|step| step.collect_needs(needs));
    }

    /// The expiries that this step and those inside it wait for.
    pub fn expiries(&self) -> Expiries {
        self.step.inside().iter().map(Planned::expiries).fold(self.step.expiries(), Expiries::plus)
    }

    /// The step alone, for those who judge its answer later.
    fn bare(&self) -> Arc<dyn Step> {
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
