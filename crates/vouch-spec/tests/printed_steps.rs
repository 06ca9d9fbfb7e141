//! A printed step reads back as an equal step: every step of the suite, and steps with arbitrary texts.

use proptest::prelude::*;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use vouch_spec::scenario::Suite;
use vouch_spec::step::{Reading, ScenarioStep};
use vouch_spec::text::{Decoder, Source, Spanned, yaml};

/// Reads one step, as it would stand in a scenario with all names that the suite uses.
fn read(text: &str) -> Result<ScenarioStep, String> {
    let source = Source::new("printed.yaml", format!("- {}\n", text.replace('\n', "\n  ").replace("\n    ", "\n  ")));
    let (tree, problems) = yaml::parse(&source);
    if !problems.is_empty() {
        return Err(problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("; "));
    }
    let list = tree.ok_or("nothing there")?;
    let decoder = Decoder::new(&source);
    let proves: Vec<_> = CLAUSES.iter().map(|id| Spanned { value: id.clone(), span: list.span }).collect();
    let users = USERS.map(str::to_owned);
    let reading = Reading { decoder: &decoder, proves: &proves, users: &users };
    let step = list.as_list().and_then(|steps| ScenarioStep::read(steps.first()?, &reading));
    let problems: Vec<_> = decoder.finish().into_iter().map(|problem| problem.message).collect();
    step.filter(|_| problems.is_empty()).ok_or_else(|| problems.join("; "))
}

/// Every user that a scenario of the suite names.
const USERS: [&str; 5] = ["ada", "bob", "eve", "nina", "olaf"];

static CLAUSES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let (suite, _) = suite();
    suite.clauses.iter().map(|clause| clause.id.clone()).collect()
});

fn suite() -> (Suite, usize) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let (suite, problems) = Suite::load(&[path]).expect("the suite can be read");
    (suite, problems.len())
}

/// All steps of the suite, each with its matrix variables filled in.
static STEPS: LazyLock<Vec<ScenarioStep>> = LazyLock::new(|| {
    let (suite, problems) = suite();
    assert_eq!(problems, 0);
    let mut steps = Vec::new();
    for scenario in &suite.scenarios {
        let decoder = Decoder::new(&scenario.source);
        let users = USERS.map(str::to_owned);
        let reading = Reading { decoder: &decoder, proves: &scenario.header.proves, users: &users };
        for combination in scenario.matrix.combinations() {
            let filled = scenario.steps.iter().map(|step| step.map_texts(&|text| combination.substitute(text)));
            steps.extend(filled.filter_map(|step| ScenarioStep::read(&step, &reading)));
        }
    }
    steps
});

#[test]
fn every_step_of_the_suite_reads_back_as_it_was_printed() {
    assert!(STEPS.len() > 1500, "{} steps", STEPS.len());
    for step in STEPS.iter() {
        let text = step.to_yaml();
        assert_eq!(read(&text).as_ref(), Ok(step), "{text}");
    }
}

/// Replaces the texts of a value, one after the other.
fn with_texts(value: &Value, texts: &mut dyn Iterator<Item = String>) -> Value {
    match value {
        Value::String(text) => {
            texts.next().map_or_else(|| value.clone(), |other| Value::from(format!("{text}{other}")))
        }
        Value::Array(items) => items.iter().map(|item| with_texts(item, texts)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), with_texts(value, texts))).collect(),
        other => other.clone(),
    }
}

proptest! {
    /// JSON is YAML: the changed step is read from its JSON, printed, and read again.
    #[test]
    fn a_step_with_any_texts_reads_back_as_it_was_printed(
        at in 0..1500_usize,
        texts in prop::collection::vec(prop_oneof![2 => Just(String::new()), 1 => "\\PC{0,12}", 1 => "[ :#,\\[\\]{}'\"&*!|>%@`$-]{0,8}"], 1..6),
    ) {
        let step = &STEPS[at];
        let json = serde_json::to_value(step).expect("steps serialize");
        let changed = with_texts(&json, &mut texts.into_iter().cycle()).to_string();
        // Closed words and names do not take any text.
        if let Ok(changed) = read(&changed) {
            let printed = changed.to_yaml();
            prop_assert_eq!(read(&printed), Ok(changed), "{}", printed);
        }
    }
}
