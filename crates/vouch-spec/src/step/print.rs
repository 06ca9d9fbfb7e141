//! Prints a step as a scenario file has it. What is printed reads back as an equal step.

use super::ScenarioStep;
use serde_json::{Map, Value};
use std::fmt::Write;

impl ScenarioStep {
    /// The step as an entry of `steps:`, without the `- ` before it. The common fields stand on lines of their own,
    /// indented by two spaces.
    pub fn to_yaml(&self) -> String {
        let Ok(Value::Object(fields)) = serde_json::to_value(self) else { return String::new() };
        let mut out = String::new();
        for (number, (name, value)) in fields.iter().enumerate() {
            let value = if number == 0 { self.short(value) } else { common(name, value) };
            match value {
                Value::Object(map) if map.is_empty() && fields.len() == 1 => out.push_str(name),
                Value::Object(map) if map.is_empty() => _ = write!(out, "{name}:"),
                value if number == 0 => _ = write!(out, "{name}: {}", flow(&value)),
                value => _ = write!(out, "\n  {name}: {}", flow(&value)),
            }
        }
        out
    }

    /// The bare value where only the field is given that a bare value stands for.
    fn short(&self, value: &Value) -> Value {
        let first = self.step.kind().first_field();
        match (value, first) {
            (Value::Object(map), Some(first)) if map.len() == 1 => match map.get(&first) {
                Some(bare) if !bare.is_object() => bare.clone(),
                _ => value.clone(),
            },
            _ => value.clone(),
        }
    }
}

/// `sent: nothing`, and a bare number for a count.
fn common(name: &str, value: &Value) -> Value {
    if name != "sent" {
        return value.clone();
    }
    let Value::Object(map) = value else { return value.clone() };
    if let (Some(only), 1) = (map.get("only"), map.len()) {
        return only.clone();
    }
    let short = |value: &Value| match value {
        Value::Object(count) if count.len() == 1 => count.get("count").unwrap_or(value).clone(),
        other => other.clone(),
    };
    Value::Object(map.iter().map(|(name, value)| (name.clone(), short(value))).collect::<Map<_, _>>())
}

/// A value in YAML's flow style.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries: Vec<_> = map.iter().map(|(key, value)| format!("{}: {}", text(key), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(word) => text(word),
        other => other.to_string(),
    }
}

/// A text as it is where YAML reads it so, else in quotes.
fn text(word: &str) -> String {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '$' || c == '/';
    let goes_on = |c: char| c.is_ascii_alphanumeric() || "$/._-?=&".contains(c);
    let plain = |part: &str| !part.is_empty() && part.chars().all(goes_on);
    let means_something = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = word.starts_with(begins)
        && word.split(' ').all(plain)
        && !means_something.contains(&word.to_ascii_lowercase().as_str());
    if is_plain { word.to_owned() } else { Value::from(word).to_string() }
}
