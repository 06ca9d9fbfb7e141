//! `expect:`: how a step's answer is judged.

use super::StepResult;
use crate::protocol::ErrorKind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
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
            Outcome::Any => f.write_str("any documented answer"),
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
    fn accepts(self, answer: &StepResult) -> bool {
        match (self, answer) {
            // An error of no documented kind is a fault wherever it comes.
            (Outcome::Any, StepResult::Refused { kind: ErrorKind::Internal, .. }) => false,
            (Outcome::Any, _)
            | (Outcome::Ok, StepResult::Done | StepResult::Ok)
            | (Outcome::Killed, StepResult::Killed) => true,
            (Outcome::Ok, StepResult::Http { status, .. }) => (200..300).contains(status),
            // After a sign-out nothing is configured either (KEY-3).
            (Outcome::Refused(ErrorKind::NotSignedIn), StepResult::Refused { kind: ErrorKind::NotConfigured, .. }) => {
                true
            }
            (Outcome::Refused(wanted), StepResult::Refused { kind, .. }) => wanted == *kind,
            (Outcome::Http(wanted), StepResult::Http { status, .. }) => wanted == *status,
            (Outcome::Class(class), StepResult::Http { status, .. }) => class == *status / 100,
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
    /// The results that are right, in this order.
    pub fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        Self(outcomes.into_iter().collect())
    }

    /// Whether a result is one of them.
    pub fn accepts(&self, result: &StepResult) -> bool {
        self.0.iter().any(|outcome| outcome.accepts(result))
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Outcome::Ok => serializer.serialize_str("ok"),
            Outcome::Any => serializer.serialize_str("any"),
            Outcome::Killed => serializer.serialize_str("killed"),
            Outcome::Refused(kind) => serializer.serialize_str(kind.word()),
            Outcome::Http(status) => serializer.serialize_u16(*status),
            Outcome::Class(class) => serializer.serialize_str(&format!("{class}xx")),
        }
    }
}

impl Serialize for Outcomes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
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
                let status = status.ok_or_else(|| E::custom("an HTTP status is between 100 and 599"))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(value: Value) -> Result<Outcomes, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    fn refused(kind: ErrorKind) -> StepResult {
        StepResult::Refused { kind, text: String::new() }
    }

    #[test]
    fn each_word_takes_its_answers_and_no_other() {
        let network = || refused(ErrorKind::Network);
        let answers = [
            ("done", StepResult::Done),
            ("ok", StepResult::Ok),
            ("killed", StepResult::Killed),
            ("network", network()),
            ("invalidUser", refused(ErrorKind::InvalidUser)),
            ("199", StepResult::Http { status: 199 }),
            ("200", StepResult::Http { status: 200 }),
            ("299", StepResult::Http { status: 299 }),
            ("300", StepResult::Http { status: 300 }),
            ("399", StepResult::Http { status: 399 }),
            ("404", StepResult::Http { status: 404 }),
            ("500", StepResult::Http { status: 500 }),
        ];
        for (expect, right) in [
            (json!("ok"), &["done", "ok", "200", "299"][..]),
            (json!("killed"), &["killed"]),
            (json!("network"), &["network"]),
            (json!("3xx"), &["300", "399"]),
            (json!("4xx"), &["404"]),
            (json!("5xx"), &["500"]),
            (json!(404), &["404"]),
            (json!(["network", 500]), &["network", "500"]),
        ] {
            let outcomes = read(expect.clone()).expect("outcomes");
            let taken: Vec<_> =
                answers.iter().filter(|(_, answer)| outcomes.accepts(answer)).map(|(name, _)| *name).collect();
            assert_eq!(taken, right, "{expect}");
        }
        let any = read(json!("any")).expect("outcomes");
        assert!(answers.iter().all(|(_, answer)| any.accepts(answer)));
        assert!(Outcomes::default().accepts(&StepResult::Ok) && !Outcomes::default().accepts(&network()));
    }

    #[test]
    fn expected_outcomes_are_described() {
        for (expect, words) in [
            (json!("ok"), "ok"),
            (json!("any"), "any documented answer"),
            (json!("killed"), "the process killed in the middle"),
            (json!("network"), "the error network"),
            (json!([404, "5xx"]), "HTTP 404 or HTTP 5xx"),
            (json!(["network", "ok", "invalidUser"]), "ok or the error network or invalidUser"),
        ] {
            assert_eq!(read(expect).expect("outcomes").to_string(), words);
        }
        assert_eq!(Outcome::Refused(ErrorKind::Network).to_string(), "the error network");
    }

    #[test]
    fn an_invalid_outcome_is_reported_with_the_valid_ones() {
        for (expect, part) in [
            (json!("netwrk"), "network"),
            (json!(99), "between 100 and 599"),
            (json!(600), "between 100 and 599"),
            (json!([]), "no answer could be right"),
            (json!(true), "an HTTP status or class"),
        ] {
            let error = read(expect.clone()).expect_err("no outcome");
            assert!(error.contains(part), "{expect}: {error}");
        }
        assert!(read(json!(100)).is_ok() && read(json!(599)).is_ok());
    }

    #[test]
    fn the_schema_allows_what_is_read() {
        let schema = schemars::schema_for!(Outcomes).to_value().to_string();
        assert_eq!(Outcomes::schema_name(), "Outcomes");
        for word in words() {
            assert!(read(json!(word)).is_ok() && schema.contains(&format!("\"{word}\"")), "{word}");
        }
        assert!(words().len() > 6);
    }
}
