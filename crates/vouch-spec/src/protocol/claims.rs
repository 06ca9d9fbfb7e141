//! What an adapter claims in `initialize`.

use super::vocabulary::Capability;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The capabilities that an adapter claims. A word that this Vouch does not know is kept apart: the adapter may be written for a
/// later one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Claims {
    /// Those that this Vouch knows.
    pub known: Vec<Capability>,
    /// The words that it does not know.
    pub unknown: Vec<String>,
}

impl From<Vec<String>> for Claims {
    fn from(words: Vec<String>) -> Self {
        let (known, unknown): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| Capability::parse(word).is_some());
        Self { known: known.iter().filter_map(|word| Capability::parse(word)).collect(), unknown }
    }
}

impl From<Claims> for Vec<String> {
    fn from(claims: Claims) -> Self {
        let known = claims.known.into_iter().map(|capability| capability.word().to_owned());
        known.chain(claims.unknown).collect()
    }
}

impl FromIterator<Capability> for Claims {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        Self { known: capabilities.into_iter().collect(), unknown: vec![] }
    }
}

impl JsonSchema for Claims {
    fn schema_name() -> Cow<'static, str> {
        "Claims".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<Capability>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_words_are_kept_apart() {
        let claims: Claims = serde_json::from_str(r#"["clock", "teleport", "cancel"]"#).expect("it reads");
        assert_eq!(claims.known, [Capability::Clock, Capability::Cancel]);
        assert_eq!(claims.unknown, ["teleport"]);
        assert_eq!(
            serde_json::to_value(claims).expect("it writes"),
            serde_json::json!(["clock", "cancel", "teleport"])
        );
    }
}
