//! What a build sends and gets, without what differs from run to run.

use crate::outside_text::line;
use std::collections::BTreeMap;
use vouch_runner::record::{Answer, CaseRecord, WireRecord};

/// A change on the wire: exchanges that only the old build has, and exchanges that only the new one has. Their order does not
/// count, since exchanges may overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct WireChange {
    /// Exchanges of the old build alone.
    pub gone: Vec<String>,
    /// Exchanges of the new build alone.
    pub new: Vec<String>,
}

/// The change between the exchanges of two runs of a case, if any. A case ends at its first failure; what the other run did
/// after that step is no change.
pub(super) fn change(old: &CaseRecord, new: &CaseRecord) -> Option<WireChange> {
    let performed = old.steps.len().min(new.steps.len());
    let (old, new) = (exchanges(old, performed), exchanges(new, performed));
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    old.iter().for_each(|exchange| *counts.entry(shape(exchange)).or_default() -= 1);
    new.iter().for_each(|exchange| *counts.entry(shape(exchange)).or_default() += 1);
    let mut change = WireChange::default();
    for (shape, count) in counts {
        let side = if count < 0 { &mut change.gone } else { &mut change.new };
        side.extend((0..count.unsigned_abs()).map(|_| shape.clone()));
    }
    (change != WireChange::default()).then_some(change)
}

/// The exchanges of the first steps of a case.
fn exchanges(of: &CaseRecord, steps: usize) -> &[WireRecord] {
    let later = of.steps.iter().skip(steps).find_map(|step| step.first_exchange);
    let end = later.and_then(|number| of.wire.iter().position(|exchange| exchange.number >= number));
    &of.wire[..end.unwrap_or(of.wire.len())]
}

/// An exchange in one line, with `#` for each word that contains a digit, except its statuses.
fn shape(of: &WireRecord) -> String {
    let mut request = format!("{} {}", of.method, without_numbers(of.path.as_str()));
    for header in &of.headers {
        request += &format!(" {}: {}", header.name, without_numbers(header.value.as_str()));
    }
    if !of.body.as_str().is_empty() {
        request += &format!(" {}", without_numbers(of.body.as_str()));
    }
    let fault = of.fault.as_ref().map(|fault| format!(" (fault: {fault})")).unwrap_or_default();
    line(&format!("{} to {}: {request}{fault} -> {}", of.from, of.to, answer(&of.answer)))
}

fn answer(of: &Answer) -> String {
    match of {
        Answer::Answered { status, body, .. } => {
            format!("{status} {}", without_numbers(body.as_str())).trim_end().to_owned()
        }
        Answer::Pending => "not answered".into(),
        Answer::Lost { .. } => "connection lost".into(),
        Answer::Abandoned => "the caller went away".into(),
        Answer::NoNetwork => "no network".into(),
    }
}

fn without_numbers(text: &str) -> String {
    let is_word = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.');
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|character| !is_word(character)) {
        let word = piece.trim_end_matches(|character| !is_word(character));
        out.push_str(if word.contains(|character: char| character.is_ascii_digit()) { "#" } else { word });
        out.push_str(&piece[word.len()..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ids_do_not_count() {
        assert_eq!(without_numbers("/v2/user/ab-12?n=7&x=y"), "/#/user/#?n=#&x=y");
        assert_eq!(without_numbers("plain words"), "plain words");
        assert_eq!(without_numbers(""), "");
    }
}
