//! `expect:`: how a step's answer is judged.

use super::answer::{Answer, Halt};
use crate::protocol::ErrorKind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use std::borrow::Cow;
use std::fmt;

/// One way in which a step may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call worked; of HTTP calls, any 2xx.
    Ok,
    Any,
    /// The process was killed while the call went on.
    Killed,
    Refused(ErrorKind),
    Http(u16),
    /// Any HTTP status of a class: 3 is 3xx.
    Class(u16),
}

/// The ways in which a step may end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcomes(Vec<Outcome>);

impl Default for Outcomes {
    fn default() -> Self {
        Self(vec![Outcome::Ok])
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Ok => f.write_str("ok"),
            Outcome::Any => f.write_str("any answer"),
            Outcome::Killed => f.write_str("the process killed in the middle"),
            Outcome::Refused(kind) => write!(f, "the error {kind}"),
            Outcome::Http(status) => write!(f, "HTTP {status}"),
            Outcome::Class(class) => write!(f, "HTTP {class}xx"),
        }
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_error = |outcome: &&Outcome| matches!(outcome, Outcome::Refused(_));
        let mut words: Vec<_> = self.0.iter().filter(|o| !is_error(o)).map(ToString::to_string).collect();
        let kinds: Vec<_> = self
            .0
            .iter()
            .filter_map(|o| if let Outcome::Refused(kind) = o { Some(kind.word()) } else { None })
            .collect();
        match kinds.split_last() {
            None => {}
            Some((last, [])) => words.push(format!("the error {last}")),
            Some((last, others)) => words.push(format!("the error {} or {last}", others.join(", "))),
        }
        f.write_str(&words.join(" or "))
    }
}

impl Outcome {
    fn accepts(self, answer: &Answer) -> bool {
        match (self, answer) {
            (Outcome::Any, _) | (Outcome::Ok, Answer::Done | Answer::Ok) | (Outcome::Killed, Answer::Killed) => true,
            (Outcome::Ok, Answer::Http { status, .. }) => (200..300).contains(status),
            (Outcome::Refused(wanted), Answer::Refused { kind, .. }) => wanted == *kind,
            (Outcome::Http(wanted), Answer::Http { status, .. }) => wanted == *status,
            (Outcome::Class(class), Answer::Http { status, .. }) => class == *status / 100,
            _ => false,
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word {
            "ok" => Some(Outcome::Ok),
            "any" => Some(Outcome::Any),
            "killed" => Some(Outcome::Killed),
            "3xx" => Some(Outcome::Class(3)),
            "4xx" => Some(Outcome::Class(4)),
            "5xx" => Some(Outcome::Class(5)),
            _ => ErrorKind::parse(word).map(Outcome::Refused),
        }
    }
}

impl Outcomes {
    pub fn judge(&self, answer: &Answer) -> Result<(), Halt> {
        if self.0.iter().any(|outcome| outcome.accepts(answer)) {
            return Ok(());
        }
        Err(Halt::Unmet { expected: self.to_string(), got: answer.to_string() })
    }
}

fn words() -> Vec<&'static str> {
    ["ok", "any", "killed", "3xx", "4xx", "5xx"].into_iter().chain(ErrorKind::WORDS.iter().copied()).collect()
}

impl<'de> Deserialize<'de> for Outcomes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Outcomes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`ok`, `any`, an error word, an HTTP status or class (`4xx`), or a list of these")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Outcomes, E> {
                let help =
                    || E::custom(format!("unknown outcome `{word}`; {}", crate::text::did_you_mean(word, words())));
                Outcome::parse(word).map(|outcome| Outcomes(vec![outcome])).ok_or_else(help)
            }

            fn visit_u64<E: de::Error>(self, status: u64) -> Result<Outcomes, E> {
                let status = u16::try_from(status).ok().filter(|status| (100..600).contains(status));
                let status = status.ok_or_else(|| E::custom("an HTTP status lies between 100 and 599"))?;
                Ok(Outcomes(vec![Outcome::Http(status)]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Outcomes, A::Error> {
                let mut outcomes = Vec::new();
                while let Some(Outcomes(some)) = items.next_element()? {
                    outcomes.extend(some);
                }
                if outcomes.is_empty() {
                    return Err(de::Error::custom("an empty list of outcomes: no answer could be right"));
                }
                Ok(Outcomes(outcomes))
            }
        }

        deserializer.deserialize_any(Visit)
    }
}

impl JsonSchema for Outcomes {
    fn schema_name() -> Cow<'static, str> {
        "Outcomes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = serde_json::json!({ "anyOf": [{ "enum": words() }, { "type": "integer", "minimum": 100, "maximum": 599 }] });
        json_schema!({
            "description": "How the step may end: ok, an error word, an HTTP status, or a list of these.",
            "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }]
        })
    }
}
