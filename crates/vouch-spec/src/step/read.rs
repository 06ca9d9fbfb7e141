//! Reads a step of a scenario file: a bare name, or a map of one step and the fields that every step may have.

use super::{KINDS, NO_USER, Outcomes, ScenarioStep, Step, StepKind, TrafficExpectation};
use crate::scenario::Advice;
use crate::text::{Decoder, Key, Node, NodeKind, Span, Spanned, did_you_mean};

/// The fields that every step may have beside its own.
const COMMON: [&str; 4] = ["expect", "sent", "clause", "advice"];

/// What reading a step needs to know.
pub struct Reading<'a> {
    /// Notes the mistakes.
    pub decoder: &'a Decoder,
    /// The clauses that the scenario proves.
    pub proves: &'a [Spanned<String>],
    /// The names under `given`.
    pub users: &'a [String],
}

impl ScenarioStep {
    /// Reads a step. Mistakes are noted by the decoder; then there is no step.
    pub fn read(node: &Node, reading: &Reading<'_>) -> Option<Self> {
        let decoder = reading.decoder;
        let nothing = Node::new(NodeKind::Null, node.span);
        let bare;
        let entries = match &node.kind {
            NodeKind::Text(name) => {
                bare = [(Key { name: name.clone(), span: node.span }, nothing)];
                &bare[..]
            }
            NodeKind::Map(entries) => entries,
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
            Some((key, _)) if !kind.has_result => {
                decoder.wrong(
                    key.span,
                    format!("`{}` returns no result, so `expect` is not allowed", kind.name),
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
        let advice = field("advice").and_then(|(_, value)| {
            let advice: Advice = decoder.decode(value)?;
            advice.check(value.span, decoder);
            Some(advice)
        });
        if kind.names_user {
            check_user(value, reading);
        }
        let step: Step = (kind.read)(value, reading)?;
        Some(Self { step, expect: expect?, sent, clauses, advice, span })
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
        NodeKind::List(_) => reading.decoder.decode::<Vec<Spanned<String>>>(node)?,
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

fn check_user(value: &Node, reading: &Reading<'_>) {
    let named = value.get("user").unwrap_or(value);
    let Some(name) = named.as_text() else { return };
    if name != NO_USER && !reading.users.iter().any(|user| user == name) {
        let help = did_you_mean(name, reading.users.iter().map(String::as_str));
        reading.decoder.wrong(named.span, format!("no user `{name}` under `given`"), help);
    }
}
