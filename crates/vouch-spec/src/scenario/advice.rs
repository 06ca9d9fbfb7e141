//! `advice:`: what to change in a build that fails, in the words of the wire profile in use.

use crate::profile::PHRASES;
use crate::protocol::Role;
use crate::text::{Decoder, Span, did_you_mean};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// What to change, for the authors of the build that fails. Phrases such as `{refresh.path}` and `{error.invalidUser}` are
/// replaced by the words of the wire profile: see [`crate::profile::Profile::phrase`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Advice {
    /// For the first of the scenario's roles.
    Text(String),
    /// For each role.
    ByRole(BTreeMap<Role, String>),
}

impl Advice {
    /// The advice for the first of these roles that has one. `own` is the first of the scenario's roles.
    pub fn for_roles(&self, roles: &[Role], own: Role) -> Option<&str> {
        match self {
            Advice::Text(text) => roles.contains(&own).then_some(text.as_str()),
            Advice::ByRole(texts) => roles.iter().find_map(|role| texts.get(role)).map(String::as_str),
        }
    }

    /// Reports each phrase that no wire profile can fill in.
    pub fn check(&self, span: Span, decoder: &Decoder) {
        let texts: Vec<&String> = match self {
            Advice::Text(text) => vec![text],
            Advice::ByRole(texts) => texts.values().collect(),
        };
        for name in texts.into_iter().flat_map(|text| phrases(text)) {
            if !PHRASES.contains(&name) {
                let help = did_you_mean(name, PHRASES);
                decoder.wrong(span, format!("the advice has an unknown phrase `{{{name}}}`"), help);
            }
        }
    }
}

/// The names between braces that are those of a profile: `exchange.…`, `refresh.…` and `error.…`. Other braces are text.
fn phrases(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).filter(|name| {
        ["exchange", "refresh", "error"].contains(&name.split('.').next().unwrap_or_default()) && name.contains('.')
    })
}

impl<'de> Deserialize<'de> for Advice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Advice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a map from roles to texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Advice, E> {
                Ok(Advice::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Advice, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(Advice::ByRole)
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

impl JsonSchema for Advice {
    fn schema_name() -> Cow<'static, str> {
        "Advice".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let texts: serde_json::Map<_, _> =
            Role::WORDS.iter().map(|word| ((*word).to_owned(), serde_json::json!({ "type": "string" }))).collect();
        json_schema!({
            "description": "What to change in a build that fails: a text for the first of the scenario's roles, or one for each role.",
            "anyOf": [
                { "type": "string" },
                { "type": "object", "properties": texts, "additionalProperties": false, "minProperties": 1 },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Source, yaml};

    fn read(text: &str) -> (Option<Advice>, Vec<String>) {
        let source = Source::new("a.yaml", text);
        let (tree, _) = yaml::parse(&source);
        let (tree, decoder) = (tree.expect("YAML"), Decoder::new(&source));
        let advice: Option<Advice> = decoder.decode(&tree);
        if let Some(advice) = &advice {
            advice.check(tree.span, &decoder);
        }
        (advice, decoder.finish().into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn a_text_is_for_the_first_role_and_a_map_for_each() {
        let (text, _) = read("Refresh once.");
        let text = text.expect("advice");
        assert_eq!(text.for_roles(&[Role::Sdk, Role::Idp], Role::Sdk), Some("Refresh once."));
        assert_eq!(text.for_roles(&[Role::Idp], Role::Sdk), None);
        let (map, _) = read("{sdk: Erase it., idp: 'Answer {error.invalidUser}.'}");
        let map = map.expect("advice");
        assert_eq!(map.for_roles(&[Role::Idp, Role::Api], Role::Sdk), Some("Answer {error.invalidUser}."));
        assert_eq!(map.for_roles(&[Role::Api], Role::Sdk), None);
    }

    #[test]
    fn only_phrases_of_a_profile_are_checked() {
        assert_eq!(read("GET /v2/user/resolve/{client_user_id}, {refresh.path}").1, Vec::<String>::new());
        assert_eq!(read("POST {refresh.pth}").1, ["the advice has an unknown phrase `{refresh.pth}`"]);
        assert!(!read("{skd: x}").1.is_empty() && !read("[x]").1.is_empty());
    }
}
