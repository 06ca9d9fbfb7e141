//! The comparison of two records as text.

use super::diff::{CaseChange, Diff};
use crate::outside_text::{line, line_up_to};
use crate::run_text::counted;
use std::fmt::Write as _;

/// The most cases or changes that a section lists.
const MAX_LISTED: usize = 50;
/// The most exchanges that a change on the wire shows for each side.
const MAX_EXCHANGES: usize = 5;
const MAX_EXCHANGE: usize = 300;

impl Diff {
    /// The comparison for a terminal or a log.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        cases(&mut text, "broke", &self.broke);
        cases(&mut text, "broke, and is waived or known", &self.newly_excused);
        cases(&mut text, "fixed", &self.fixed);
        cases(&mut text, "fails in another way", &self.fails_otherwise);
        cases(&mut text, "no longer tested", &self.no_longer_tested);
        cases(&mut text, "newly tested", &self.newly_tested);
        self.wire_text(&mut text);
        self.suite_text(&mut text);
        section(&mut text, "other differences between the runs", self.circumstances.iter().map(|what| line(what)));
        let verdict = match (self.broke.len(), self.fixed.len()) {
            (0, 0) if self.newly_excused.is_empty() => "No case changed between passed and failed.".to_owned(),
            (broke, fixed) => format!(
                "The new build breaks {} and fixes {}.",
                counted(broke, "case", "cases"),
                counted(fixed, "case", "cases")
            ),
        };
        let excused = match self.newly_excused.len() {
            0 => String::new(),
            count => {
                format!(" It breaks {} that waivers or known failures accept.", counted(count, "case", "cases"))
            }
        };
        text + &verdict + &excused + "\n"
    }

    fn wire_text(&self, text: &mut String) {
        let changes = self.wire.iter().map(|(change, cases)| {
            let first = cases.first().map_or("", String::as_str);
            let mut entry = format!("in {}, first in {}", counted(cases.len(), "case", "cases"), line(first));
            for (sign, exchanges) in [('-', &change.gone), ('+', &change.new)] {
                for exchange in exchanges.iter().take(MAX_EXCHANGES) {
                    let _ = write!(entry, "\n    {sign} {}", line_up_to(exchange, MAX_EXCHANGE));
                }
                let more = exchanges.len().saturating_sub(MAX_EXCHANGES);
                if more > 0 {
                    let _ = write!(entry, "\n    {sign} {more} more");
                }
            }
            entry
        });
        section(text, "changed on the wire", changes);
        if self.wire_not_compared > 0 {
            let cases = counted(self.wire_not_compared, "case", "cases");
            let _ = writeln!(text, "The wire of {cases} was not compared: one record does not have it.\n");
        }
    }

    fn suite_text(&self, text: &mut String) {
        let source =
            if self.same_suite { "the runs had other cases of the same suite" } else { "changes of the suite" };
        let names = |ids: &[String], what: &str| -> Vec<String> {
            ids.iter().map(|id| format!("{}: {what}", line(id))).collect()
        };
        let mut entries: Vec<_> = self.clauses.iter().map(|what| line(what)).collect();
        entries.extend(names(&self.other_scenario, "the scenario is another; the verdicts are not compared"));
        entries.extend(names(&self.only_before, "only in the old record"));
        let added =
            self.only_after.iter().map(|case| format!("{}: only in the new record, {}", line(&case.id), case.after));
        entries.extend(added);
        section(text, source, entries.into_iter());
    }
}

fn cases(text: &mut String, heading: &str, changes: &[CaseChange]) {
    let entries = changes.iter().map(|change| {
        let why = if change.why.is_empty() { String::new() } else { format!("\n    {}", line(&change.why)) };
        let clauses = line(&change.clauses.join(" "));
        format!("{} ({clauses}): {}, now {}{why}", line(&change.id), change.before, change.after)
    });
    section(text, heading, entries);
}

/// A heading with a count and its entries; nothing if there are none.
fn section(text: &mut String, heading: &str, entries: impl Iterator<Item = String>) {
    let entries: Vec<_> = entries.collect();
    if entries.is_empty() {
        return;
    }
    let _ = writeln!(text, "{heading}: {}", entries.len());
    for entry in entries.iter().take(MAX_LISTED) {
        let _ = writeln!(text, "  {entry}");
    }
    let more = entries.len().saturating_sub(MAX_LISTED);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more");
    }
    text.push('\n');
}
