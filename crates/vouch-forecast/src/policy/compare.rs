//! A policy with several values of one key, to compare them.

use super::{DEFAULTS, Policy, with_defaults};
use std::str::FromStr;
use vouch_spec::text::{Decoder, Diagnostic, Node, NodeKind, Source, did_you_mean, toml};

/// A key of a policy file and the values to compare, for example `grace=0s,10s,30s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    section: String,
    key: String,
    /// Whether the value of the key is a text.
    is_text: bool,
    values: Vec<String>,
}

/// The most values of one comparison.
const MOST_VALUES: usize = 20;

impl FromStr for Comparison {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write for example `grace=0s,10s,30s,60s`";
        let (key, values) = text.split_once('=').ok_or(form)?;
        let (key, values) = (key.trim(), values.split(',').map(|value| value.trim().to_owned()));
        let values: Vec<String> = values.collect();
        if values.iter().any(String::is_empty) || values.len() > MOST_VALUES {
            return Err(format!("1 to {MOST_VALUES} values are compared; {form}"));
        }
        let (defaults, _) = toml::parse(&Source::new("default.toml", DEFAULTS));
        let sections =
            ["provider", "life"].map(|name| (name, defaults.get(name).and_then(Node::as_map).unwrap_or(&[])));
        for (section, entries) in sections {
            if let Some((_, default)) = entries.iter().find(|(entry, _)| entry.name == key) {
                let is_text = matches!(default.kind, NodeKind::Text(_));
                return Ok(Self { section: section.into(), key: key.into(), is_text, values });
            }
        }
        let keys: Vec<&str> =
            sections.iter().flat_map(|(_, entries)| entries.iter().map(|(key, _)| key.name.as_str())).collect();
        Err(format!("a policy has no such key; {}", did_you_mean(key, keys.iter().copied())))
    }
}

impl Comparison {
    /// The policy of a file, once with each value.
    ///
    /// # Errors
    /// The mistakes of the file, or of the values.
    pub fn policies(&self, file: &Source) -> Result<Vec<Policy>, Vec<Diagnostic>> {
        let own = Policy::parse(file)?;
        self.values.iter().map(|value| self.with(&own.name, file, value)).collect()
    }

    fn with(&self, name: &str, file: &Source, value: &str) -> Result<Policy, Vec<Diagnostic>> {
        let written = if self.is_text { serde_json::Value::from(value).to_string() } else { value.to_owned() };
        let source = Source::new("--compare", format!("[{}]\n{} = {written}\n", self.section, self.key));
        let (tree, mut problems) = toml::parse(&source);
        let decoder = Decoder::new(&source);
        let [(file, _), (defaults, _)] = [file, &Source::new("default.toml", DEFAULTS)].map(toml::parse);
        let whole = with_defaults(&tree, &with_defaults(&file, &defaults));
        let policy = if problems.is_empty() { Policy::decode(&whole, &decoder) } else { None };
        problems.extend(decoder.finish());
        let policy = policy.filter(|_| problems.is_empty()).ok_or(problems)?;
        let own = format!("{} {value}", self.key);
        Ok(Policy { name: if name == "default" { own } else { format!("{name}, {own}") }, ..policy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_value_makes_a_policy_of_its_own() {
        let comparison: Comparison = "grace=0s, 30s".parse().expect("valid");
        let file = Source::new("policy.toml", "name = \"ours\"\n[life]\nusesPerDay = 5\n");
        let policies = comparison.policies(&file).expect("valid");
        assert_eq!(policies.iter().map(|p| p.provider.grace.as_secs()).collect::<Vec<_>>(), [0, 30]);
        assert_eq!(policies.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["ours, grace 0s", "ours, grace 30s"]);
        assert!(policies.iter().all(|policy| policy.life.uses_per_day > 4.9));
        let comparison: Comparison = "lostAnswers=0,0.01".parse().expect("valid");
        let policies = comparison.policies(&Source::new("policy.toml", "")).expect("valid");
        assert!(policies[0].life.lost_answers < policies[1].life.lost_answers);
        assert_eq!((policies[1].name.as_str(), policies[1].provider.grace), ("lostAnswers 0.01", Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_compared_is_an_error_that_says_so() {
        assert!("grase=0s".parse::<Comparison>().is_err_and(|error| error.contains("grace")));
        assert!("grace".parse::<Comparison>().is_err());
        assert!("grace=".parse::<Comparison>().is_err());
        let comparison: Comparison = "grace=1s,soon".parse().expect("a key and values");
        let found = comparison.policies(&Source::new("policy.toml", "")).expect_err("`soon` is no time");
        assert!(found[0].message.contains("soon"), "{found:?}");
        let comparison: Comparison = "usesPerDay=many".parse().expect("a key and values");
        assert!(comparison.policies(&Source::new("policy.toml", "")).is_err());
    }
}
