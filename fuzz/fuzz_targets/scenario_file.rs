//! Parses any text as a scenario file, expands and plans it, and renders every diagnostic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vouch_runner::run::Plan;
use vouch_spec::scenario::{Clauses, Scenario, Suite};
use vouch_spec::text::{Diagnostics, Source};

static CLAUSES: LazyLock<Clauses> = LazyLock::new(|| {
    Clauses::parse(&Source::new("clauses.yaml", include_str!("../../scenarios/clauses.yaml"))).expect("the suite's clauses")
});

fuzz_target!(|text: &str| {
    let (scenario, problems) = Scenario::parse(&Source::new("fuzzed.yaml", text), "fuzzed", &CLAUSES);
    let suite = Suite { clauses: CLAUSES.clone(), scenarios: scenario.into_iter().collect() };
    if let Err(problems) = Plan::build(&suite, problems) {
        let _ = Diagnostics(problems.0).render(true);
    }
});
