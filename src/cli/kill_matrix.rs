//! The kill matrix of `vouch mutants`, as text.

use super::stdout::Out;
use std::io::Write;
use vouch_runner::mutants::{KillMatrix, Standing};

/// Prints all scenarios, or only those that are redundant or have a needless rationale.
pub(super) fn print(matrix: &KillMatrix<'_>, all: bool) -> std::io::Result<()> {
    let mut out = Out;
    if all {
        writeln!(out, "\nmutants that each scenario kills, and how many of them no other scenario kills")?;
    }
    for (id, scenario) in matrix.iter() {
        let alone = scenario.alone.iter().copied().collect::<Vec<_>>().join(", ");
        let rationale = scenario.rationale.unwrap_or_default();
        let note = match scenario.standing() {
            Standing::Needed if all => format!("alone: {alone}"),
            Standing::Justified if all => format!("stays: {rationale}"),
            Standing::Needed | Standing::Justified => continue,
            Standing::Redundant => {
                "REDUNDANT: other scenarios kill the same mutants, and no `rationale` says why it stays".into()
            }
            Standing::NeedlessRationale => {
                format!("NEEDLESS RATIONALE: no other scenario kills {alone}, so it needs no `rationale`")
            }
        };
        writeln!(out, "  {:>4} {:>3}  {id}  {note}", scenario.kills.len(), scenario.alone.len())?;
    }
    let (needed, needless) = (matrix.count(Standing::Needed), matrix.count(Standing::NeedlessRationale));
    writeln!(
        out,
        "{} scenarios: {} kill a mutant that no other kills, {} stay for a stated reason, {} are redundant",
        matrix.iter().count(),
        needed + needless,
        matrix.count(Standing::Justified),
        matrix.count(Standing::Redundant),
    )
}
