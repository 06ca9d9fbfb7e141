//! The policy file (TOML): how the identity provider treats sessions, and how devices live. See `docs/forecast.md`.
//!
//! A file states only what differs from the defaults, which are a file too ([`DEFAULTS`]). This module knows no simulation.

mod compare;
mod file;
mod provider;

pub use compare::Comparison;
pub use provider::ProviderPolicy;

use file::PolicyFile;
use std::time::Duration;
use vouch_spec::text::{Decoder, Diagnostic, Key, Node, NodeKind, Source, Span, toml};

/// The policy file with every default and its source.
pub const DEFAULTS: &str = include_str!("default.toml");

/// A resolved policy file.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// In tables and plots.
    pub name: String,
    pub provider: Provider,
    pub life: Life,
}

/// How the identity provider treats sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    pub access_token: Duration,
    /// Whether a refresh brings a new refresh token.
    pub rotates: bool,
    /// How long a refresh token that was rotated out may be used again.
    pub grace: Duration,
    /// Whether it stays good until its successor is used (IDP-8).
    pub keeps_predecessor: bool,
    /// Whether its use ends the session.
    pub detects_reuse: bool,
    pub idle_limit: Option<Duration>,
    pub session_lifetime: Option<Duration>,
    pub revocations_per_month: f64,
}

/// How a device lives. Rates are those of one device; shares are of 0 to 1; a month has 30 days.
#[derive(Clone, Debug, PartialEq)]
pub struct Life {
    pub uses_per_day: f64,
    pub calls_per_use: u32,
    pub call_gap: Duration,
    pub wakes_per_day: f64,
    pub wake_length: Duration,
    pub kills_per_wake: f64,
    pub crashes_per_use: f64,
    pub cold_starts: f64,
    pub round_trip: Duration,
    pub lost_requests: f64,
    pub lost_answers: f64,
    pub server_errors: f64,
    pub resets: f64,
    pub timeout: Duration,
    pub outage_after_loss: Duration,
    pub offline_per_day: f64,
    pub offline_length: Duration,
    pub reboots_per_month: f64,
    pub until_unlock: Duration,
    pub updates_per_month: f64,
    pub clock_errors_per_month: f64,
    pub clock_error: Duration,
    pub clock_error_length: Duration,
    pub dormant_per_month: f64,
    pub dormant_length: Duration,
}

impl Policy {
    /// Parses a policy file. The error contains every problem of the file.
    pub fn parse(source: &Source) -> Result<Self, Vec<Diagnostic>> {
        let (tree, mut problems) = toml::parse(source);
        let decoder = Decoder::new(source);
        let (defaults, _) = toml::parse(&Source::new("default.toml", DEFAULTS));
        let whole = with_defaults(&tree, &defaults);
        let policy = if problems.is_empty() { Self::decode(&whole, &decoder) } else { None };
        problems.extend(decoder.finish());
        policy.filter(|_| problems.is_empty()).ok_or(problems)
    }
}

impl Policy {
    /// The policy of a whole tree. Its mistakes go to the decoder.
    fn decode(whole: &Node, decoder: &Decoder) -> Option<Self> {
        decoder.decode::<PolicyFile>(whole).map(|file| file.resolve(decoder))
    }
}

impl Default for Policy {
    fn default() -> Self {
        let parsed = Self::parse(&Source::new("default.toml", ""));
        // A test parses the defaults.
        parsed.unwrap_or_else(|problems| unreachable!("the defaults are valid: {problems:?}"))
    }
}

/// A tree with the entries of the defaults that it does not have itself. What is wrong in it stays as it is.
fn with_defaults(tree: &Node, defaults: &Node) -> Node {
    let (Some(own), Some(defaults)) = (tree.as_map(), defaults.as_map()) else { return tree.clone() };
    let mut entries: Vec<(Key, Node)> = Vec::new();
    for (key, node) in own {
        let default = defaults.iter().find(|(other, _)| other.name == key.name);
        entries.push((key.clone(), default.map_or_else(|| node.clone(), |(_, default)| with_defaults(node, default))));
    }
    let is_missing = |(key, _): &&(Key, Node)| own.iter().all(|(other, _)| other.name != key.name);
    let missing = defaults.iter().filter(is_missing);
    entries.extend(missing.map(|(key, node)| (key.clone(), without_place(node, tree.span.start))));
    Node::new(NodeKind::Map(entries), tree.span)
}

/// A default, with an empty span: it has no place in the file.
fn without_place(node: &Node, at: usize) -> Node {
    let kind = match &node.kind {
        NodeKind::Map(entries) => {
            NodeKind::Map(entries.iter().map(|(key, node)| (key.clone(), without_place(node, at))).collect())
        }
        other => other.clone(),
    };
    Node::new(kind, Span { start: at, end: at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Policy, Vec<String>> {
        let parsed = Policy::parse(&Source::new("policy.toml", text));
        parsed.map_err(|problems| problems.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn a_file_states_only_what_differs_from_the_defaults() {
        let policy = parse("[provider]\ngrace = \"30s\"\n[life]\nusesPerDay = 4\n").expect("valid");
        let default = Policy::default();
        assert_eq!(policy.provider, Provider { grace: Duration::from_secs(30), ..default.provider.clone() });
        assert_eq!(policy.life, Life { uses_per_day: 4.0, ..default.life.clone() });
        assert_eq!(parse("").expect("valid"), default);
        assert_eq!(parse(DEFAULTS).expect("valid"), default);
    }

    #[test]
    fn every_mistake_is_reported_at_once_and_with_its_key() {
        let found = parse(
            "[provider]\ngrace = \"1500ms\"\nrotation = \"sometimes\"\nidleLimit = \"soon\"\n[life]\nlostAnswers = 1.2\nusesPerDay = -1\n",
        );
        let found = found.expect_err("five mistakes");
        assert_eq!(found.len(), 5, "{found:?}");
        let found = parse("[provider]\ngrasce = \"1s\"\n").expect_err("an unknown key");
        assert!(found[0].contains("grasce"), "{found:?}");
        assert!(parse("[life]\nlostAnswers = 0.6\nlostRequests = 0.6\n").is_err(), "more than all exchanges are lost");
    }

    #[test]
    fn values_that_no_provider_and_no_device_has_are_refused_with_what_to_write() {
        for (section, text, words, help) in [
            ("provider", "accessToken = \"1ms\"", "has expired when it arrives", "roundTrip, which is \"300ms\""),
            ("provider", "accessToken = \"1500ms\"", "not a number of whole seconds", "\"1h\""),
            ("provider", "keepsPredecessor = \"yes\"", "expected true or false, without quotes", ""),
            ("life", "roundTrip = \"1d\"", "`1d` is too long", "at most \"1m\"; write for example \"300ms\""),
            ("life", "timeout = \"200ms\"", "each exchange would time out", "a shorter roundTrip"),
            // At the value of the file, whichever of the two it has.
            ("life", "roundTrip = \"20s\"", "each exchange would time out", "timeout is \"10s\""),
            ("life", "offlinePerDay = 100", "this takes 1.39 days of each day", "a lower rate"),
            ("life", "lostRequests = 0.999", "more than all exchanges go wrong", "shares of the same"),
            ("life", "lostAnswers = \"1%\"", "expected a number without quotes; 1 % is 0.01", ""),
            ("life", "lostAnswers = 2", "2 is out of range", "1 % is 0.01"),
            ("life", "callsPerUse = 2.5", "expected a whole number without quotes", ""),
            ("life", "callsPerUse = 101", "out of range", "write 1 to 100 calls"),
            ("life", "wakeLength = \"2h\"", "`2h` is too long", "\"15s\""),
            ("life", "offlineLength = \"25h\"", "at 1 a day, this takes 1.04 days of each day", "a shorter time"),
            ("life", "callGap = \"13h\"", "at 2 a day, this takes 2.17 days of each day", "a lower rate"),
        ] {
            let source = Source::new("policy.toml", format!("[{section}]\n{text}\n"));
            let found = Policy::parse(&source).expect_err(text);
            let problem = found.iter().find(|problem| problem.message.contains(words));
            let problem = problem.unwrap_or_else(|| panic!("{text}: {found:?}"));
            assert!(problem.help.as_deref().unwrap_or_default().contains(help), "{text}: {found:?}");
            let column = text.find('=').expect("a value") + 3;
            assert_eq!(problem.place(), format!("policy.toml:2:{column}"), "{text}");
        }
        assert!(parse("[life]\nroundTrip = \"20s\"\ntimeout = \"60s\"\n").is_ok());
    }
}
