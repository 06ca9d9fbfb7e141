//! The JSON Schema of scenario files accepts every scenario of the suite, and refuses what the reader refuses.

use jsonschema::Validator;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use vouch_spec::step::scenario_schema;
use vouch_spec::text::{Node, NodeKind, Source, yaml};

fn json(node: &Node) -> Value {
    match &node.kind {
        NodeKind::Null => Value::Null,
        NodeKind::Bool(switch) => Value::from(*switch),
        NodeKind::Int(number) => Value::from(*number),
        NodeKind::Float(number) => Value::from(*number),
        NodeKind::Text(text) => Value::from(text.as_str()),
        NodeKind::List(items) => items.iter().map(json).collect(),
        NodeKind::Map(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.name.clone(), json(value))).collect::<Map<_, _>>())
        }
    }
}

fn read(name: &str, text: &str) -> Value {
    let (tree, problems) = yaml::parse(&Source::new(name, text));
    assert!(problems.is_empty(), "{name}: {}", problems[0].message);
    json(&tree.expect("a document"))
}

fn validator() -> Validator {
    jsonschema::validator_for(&scenario_schema()).expect("the schema is one")
}

fn scenarios(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("readable").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| if path.is_dir() { scenarios(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|end| end == "yaml") && !path.ends_with("clauses.yaml"))
        .collect()
}

#[test]
fn every_scenario_of_the_suite_is_valid() {
    let (validator, folder) = (validator(), Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios"));
    let files = scenarios(&folder);
    assert!(files.len() > 150, "{}", files.len());
    let invalid: Vec<_> = files
        .iter()
        .filter_map(|file| {
            let text = std::fs::read_to_string(file).expect("readable");
            let document = read(&file.display().to_string(), &text);
            let error = validator.iter_errors(&document).next()?;
            Some(format!("{}: {} at {}", file.display(), error, error.instance_path()))
        })
        .collect();
    assert!(invalid.is_empty(), "{} of {}:\n{}", invalid.len(), files.len(), invalid.join("\n"));
}

#[test]
fn broken_scenarios_are_refused() {
    let validator = validator();
    let head = "id: x\ntitle: X\nproves: [EXC-1]\n";
    for steps in [
        "- signInn: $token",
        "- {signIn: $token, expect: netwrk}",
        "- {relaunch: , expect: ok}",
        "- start: {step: {signInn: $token}, as: a}",
        "- start: {step: signOut}",
        "- parallel: {steps: [{request: GET /, expect: nope}]}",
        "- fault: {on: refresh, kind: explode}",
        "- fault: {on: refrsh, kind: delay}",
        "- {request: GET /, sent: {refresh: many}}",
        "- {request: GET /, sent: {refrsh: 1}}",
        "- status: [signdIn]",
        "- crash: {step: signOut, write: first}",
        "- 7",
    ] {
        let document = read("broken.yaml", &format!("{head}steps:\n  {steps}\n"));
        assert!(!validator.is_valid(&document), "accepted: {steps}");
    }
    for header in ["id: 7\ntitle: X\nproves: [A]", "title: X\nproves: [A]", "id: x\ntitle: X\nproves: [A]\nrole: sdk"] {
        let document = read("broken.yaml", &format!("{header}\nsteps: [relaunch]\n"));
        assert!(!validator.is_valid(&document), "accepted: {header}");
    }
}
