//! The JSON Schema of scenario files, made from the types that read them.

use super::{KINDS, Outcomes, TrafficExpectation};
use crate::scenario::{Advice, Given, Header};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The schema of one scenario file, for editors and validators.
pub fn scenario_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let expect = generator.subschema_for::<Outcomes>();
    let sent = generator.subschema_for::<TrafficExpectation>();
    let advice = generator.subschema_for::<Advice>();
    let given = generator.subschema_for::<Given>();
    let header = generator.root_schema_for::<Header>().to_value();
    let mut steps = Vec::new();
    let mut bare = Vec::new();
    for kind in KINDS {
        let long = (kind.schema)(&mut generator).to_value();
        if long.get("required").is_none() {
            bare.push(kind.name);
        }
        let value = short_or_long(long);
        let mut properties = Map::from_iter([(kind.name.to_owned(), value)]);
        if kind.has_result {
            properties.insert("expect".into(), expect.clone().to_value());
        }
        properties.insert("sent".into(), sent.clone().to_value());
        properties.insert("clause".into(), clause_schema());
        properties.insert("advice".into(), advice.clone().to_value());
        steps.push(json!({
            "type": "object", "description": kind.about, "properties": properties,
            "required": [kind.name], "additionalProperties": false,
        }));
    }
    steps.push(json!({ "enum": bare }));
    // A matrix variable may stand for the step itself.
    let common = json!({
        "expect": expect.to_value(), "sent": sent.to_value(), "clause": clause_schema(), "advice": advice.to_value(),
    });
    steps.push(json!({
        "type": "object", "properties": common, "patternProperties": { "^\\$[A-Za-z]": {} },
        "minProperties": 1, "additionalProperties": false,
    }));
    let mut properties = header.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    properties.insert("given".into(), given.to_value());
    properties.insert("matrix".into(), json!({
        "type": "object",
        "description": "Variables that make one file many cases: a list is an axis, a map follows another variable.",
        "additionalProperties": { "anyOf": [{ "type": "array", "minItems": 1 }, { "type": "object", "minProperties": 1, "maxProperties": 1 }] },
    }));
    properties.insert("steps".into(), json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/Step" } }));
    let mut defs = header.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    defs.extend(generator.take_definitions(true));
    allow_short_forms(&mut defs);
    defs.insert("Step".into(), json!({ "anyOf": steps }));
    // A matrix variable may stand wherever a word stands.
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Vouch scenario",
        "type": "object",
        "properties": properties,
        "required": ["id", "title", "proves", "steps"],
        "additionalProperties": false,
        "$defs": defs,
    });
    allow_variables(&mut schema);
    schema
}

fn clause_schema() -> Value {
    json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
}

/// A bare value stands for the first field.
fn short_or_long(schema: Value) -> Value {
    let first =
        schema.get("properties").and_then(Value::as_object).and_then(|properties| properties.values().next().cloned());
    let mut long = schema;
    if let Some(map) = long.as_object_mut() {
        map.remove("$schema");
    }
    match first {
        None => json!({ "anyOf": [{ "type": "null" }, long] }),
        Some(first) if long.get("required").is_none() => json!({ "anyOf": [first, long, { "type": "null" }] }),
        Some(first) => json!({ "anyOf": [first, long] }),
    }
}

/// Words of a closed set, numbers and switches may also be `$variable`.
fn allow_variables(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            // Every alternative takes a variable: more than one may match.
            if let Some(alternatives) = map.remove("oneOf") {
                map.insert("anyOf".into(), alternatives);
            }
            map.values_mut().for_each(allow_variables);
            if is_closed(map) {
                let original = Value::Object(std::mem::take(map));
                map.insert("anyOf".into(), json!([original, { "type": "string", "pattern": "^\\$[A-Za-z]" }]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(allow_variables),
        _ => {}
    }
}

fn is_closed(schema: &Map<String, Value>) -> bool {
    let is_scalar = |kind: &Value| ["integer", "number", "boolean"].iter().any(|scalar| kind == scalar);
    let scalar = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is_scalar),
        Some(kind) => is_scalar(kind),
        None => false,
    };
    scalar || schema.contains_key("enum") || schema.contains_key("const")
}

/// As steps do, so do all other maps of fields take a bare value for their first field.
fn allow_short_forms(definitions: &mut Map<String, Value>) {
    for schema in definitions.values_mut() {
        if schema.get("type").is_some_and(|kind| kind == "object") && schema.get("properties").is_some() {
            *schema = short_or_long(schema.take());
        }
    }
}
