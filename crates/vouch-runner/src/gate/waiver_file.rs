//! Reads a file of waivers.

use super::waiver::Waiver;
use crate::run::Plan;
use crate::run::verdict::Location;
use serde::Deserialize;
use std::collections::BTreeSet;
use vouch_sim::wire::redact::Redactor;
use vouch_spec::text::{Decoder, Diagnostic, Source, Span, Spanned, suggest, toml};

/// The content of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaiverFile {
    #[serde(default)]
    waiver: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    clause: Option<Spanned<String>>,
    #[serde(default)]
    case: Option<Spanned<String>>,
    #[serde(default)]
    reason: Option<Spanned<String>>,
    #[serde(default)]
    owner: Option<Spanned<String>>,
    #[serde(default)]
    expires: Option<Spanned<String>>,
}

/// The waivers of a file for the cases of a suite. The error contains every mistake of the file.
pub(super) fn parse(source: &Source, plan: &Plan) -> Result<Vec<Waiver>, Vec<Diagnostic>> {
    let (tree, mut problems) = toml::parse(source);
    let decoder = Decoder::new(source);
    let file: Option<WaiverFile> = if problems.is_empty() { decoder.decode(&tree) } else { None };
    let entries = file.map(|file| file.waiver).unwrap_or_default();
    let mut known = BTreeSet::new();
    let waivers: Vec<_> = entries.iter().map(|entry| waiver(entry, plan, &decoder)).collect();
    for (waiver, entry) in waivers.iter().zip(&entries) {
        if !known.insert((&waiver.clause, &waiver.case)) {
            let message = format!("{} is waived twice", waiver.subject());
            decoder.wrong(entry.span, message, "remove one of the two entries");
        }
    }
    problems.extend(decoder.finish());
    if problems.is_empty() { Ok(waivers) } else { Err(problems) }
}

fn waiver(entry: &Spanned<Entry>, plan: &Plan, decoder: &Decoder) -> Waiver {
    let Entry { clause, case, reason, owner, expires } = &entry.value;
    let place = match (clause, case) {
        (Some(clause), _) => clause.span,
        (None, Some(case)) => case.span,
        (None, None) => {
            let help = "write clause = \"MIG-5\", case = \"…\" (`vouch list` shows the cases), or both for one finding";
            decoder.wrong(entry.span, "the waiver names neither a clause nor a case", help);
            entry.span
        }
    };
    if let Some(clause) = clause
        && plan.clauses.get(&clause.value).is_none()
    {
        let near = near(&clause.value, plan.clauses.iter().map(|clause| clause.id.as_str()));
        let help = format!("{near}`vouch clauses` lists the clauses");
        decoder.wrong(clause.span, format!("there is no clause `{}`", clause.value), help);
    }
    if let Some(case) = case {
        check_case(&case.value, plan, |message, help| decoder.wrong(case.span, message, help));
    }
    let text = |name: &str, of: &Option<Spanned<String>>| {
        let text = of.as_ref().map_or("", |text| text.value.trim());
        if text.is_empty() {
            let help = "a waiver says why the failure is accepted (reason), and who answers for it (owner)";
            let span = of.as_ref().map_or(entry.span, |text| text.span);
            decoder.wrong(span, format!("the waiver has no {name}"), help);
        }
        Redactor::default().scrub(text)
    };
    Waiver {
        clause: clause.as_ref().map(|clause| clause.value.clone()),
        case: case.as_ref().map(|case| case.value.clone()),
        reason: text("reason", reason),
        owner: text("owner", owner),
        expires: last_day(entry.span, expires.as_ref(), decoder),
        location: Location::of(decoder.source(), place),
    }
}

fn last_day(entry: Span, expires: Option<&Spanned<String>>, decoder: &Decoder) -> String {
    let help = "write the last day of the waiver as YYYY-MM-DD, for example expires = 2027-03-31";
    match expires {
        None => decoder.wrong(entry, "the waiver has no last day", help),
        Some(day) if !is_day(&day.value) => {
            decoder.wrong(day.span, format!("`{}` is not a day", day.value), help);
        }
        Some(_) => {}
    }
    expires.map(|day| day.value.clone()).unwrap_or_default()
}

/// Reports a case that the suite does not have. Where only some scenarios were loaded, nothing can be said.
pub(super) fn check_case(case: &str, plan: &Plan, wrong: impl FnOnce(String, String)) {
    if plan.is_part || plan.cases.iter().any(|of| of.id == case) {
        return;
    }
    let near = near(case, plan.cases.iter().map(|case| case.id.as_str()));
    wrong(format!("there is no case `{case}`"), format!("{near}`vouch list` shows all cases"));
}

fn near<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    suggest(word, words).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default()
}

/// A day of the calendar, as `YYYY-MM-DD`.
fn is_day(text: &str) -> bool {
    text.len() == 10 && humantime::parse_rfc3339(&format!("{text}T00:00:00Z")).is_ok()
}
