//! The events of a run in text that a terminal does not obey.

use crate::outside_text::{block, excerpt, line};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io;
use vouch_runner::run::event::RunEvent;
use vouch_runner::run::verdict::{CaseReport, Finding, Verdict};

/// Fields whose text has several lines. A cause is a key, which is equal in all events.
const BLOCKS: [&str; 7] = ["got", "wire", "stderr", "text", "detail", "cause", "key"];

/// The event in safe text, without the record of a case.
pub(super) fn safe_event(event: &RunEvent) -> io::Result<RunEvent> {
    Ok(match event {
        RunEvent::Started(started) => RunEvent::Started(safe(started)?),
        RunEvent::CaseFinished(case) => RunEvent::CaseFinished(safe(&with_safe_excerpts(case))?),
        RunEvent::Finished(summary) => RunEvent::Finished(safe(summary)?),
        progress @ RunEvent::Progress { .. } => progress.clone(),
    })
}

/// Escapes in an excerpt move its marked part.
fn with_safe_excerpts(case: &CaseReport) -> Box<CaseReport> {
    let mut case = case.without_record();
    let mend = |finding: &mut Finding| finding.excerpt = excerpt(&finding.excerpt);
    match &mut case.verdict {
        Verdict::Failed(findings)
        | Verdict::Warned(findings)
        | Verdict::Waived(findings)
        | Verdict::KnownFailure(findings) => findings.iter_mut().for_each(mend),
        Verdict::NotReached(not_reached) => mend(&mut not_reached.setup),
        Verdict::InDoubt(case) => case.findings.iter_mut().for_each(mend),
        _ => {}
    }
    Box::new(case)
}

fn safe<T: Serialize + DeserializeOwned>(of: &T) -> io::Result<T> {
    let mut value = serde_json::to_value(of)?;
    escape(&mut value, false);
    Ok(serde_json::from_value(value)?)
}

fn escape(value: &mut Value, is_block: bool) {
    match value {
        Value::String(text) => *text = if is_block { block(text) } else { line(text) },
        Value::Array(items) => items.iter_mut().for_each(|item| escape(item, is_block)),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                escape(field, BLOCKS.contains(&name.as_str()));
            }
            // The names of fields are ours, except where a field is a map.
            let unsafe_names: Vec<_> = fields.keys().filter(|name| line(name) != **name).cloned().collect();
            for name in unsafe_names {
                let field = fields.remove(&name).unwrap_or_default();
                fields.insert(line(&name), field);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
