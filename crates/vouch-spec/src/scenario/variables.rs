//! `$name` and `$name.field` in the texts of a scenario. `${name.field}` where letters follow, `$$` for a dollar sign.

use crate::text::{Decoder, Span, did_you_mean};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text of a scenario in which variables may stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Text(pub String);

/// A stretch of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    Plain(&'a str),
    /// The name with its field, if any: `ada.id`. The offset is where the `$` stands, in bytes.
    Variable(&'a str, usize),
    /// A `$` that begins no name.
    Stray(usize),
}

/// Cuts a text at its variables.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = 0;
    while let Some(at) = text[rest..].find('$').map(|i| rest + i) {
        if at > rest {
            parts.push(Part::Plain(&text[rest..at]));
        }
        let after = &text[at + 1..];
        if after.starts_with('$') {
            parts.push(Part::Plain("$"));
            rest = at + 2;
        } else if let Some(end) = after.strip_prefix('{').and_then(|inner| inner.find('}')) {
            parts.push(Part::Variable(&after[1..=end], at));
            rest = at + 1 + end + 2;
        } else {
            let end = name_end(after);
            parts.push(if end == 0 { Part::Stray(at) } else { Part::Variable(&after[..end], at) });
            rest = at + 1 + end;
        }
    }
    if rest < text.len() {
        parts.push(Part::Plain(&text[rest..]));
    }
    parts
}

/// `name` or `name.field`; a dot that no letter follows is not part of it.
fn name_end(text: &str) -> usize {
    let word = |from: usize| {
        let rest = &text[from..];
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return from;
        }
        from + rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len())
    };
    let end = word(0);
    if end > 0 && text[end..].starts_with('.') {
        let field = word(end + 1);
        if field > end + 1 {
            return field;
        }
    }
    end
}

/// The variables of a text.
pub fn references(text: &str) -> Vec<(&str, usize)> {
    parts(text)
        .into_iter()
        .filter_map(|part| match part {
            Part::Variable(name, at) => Some((name, at)),
            Part::Stray(at) => Some(("", at)),
            Part::Plain(_) => None,
        })
        .collect()
}

/// Reports each variable of a text that is not among the `known` ones. `span` is the place of the text in the decoder's file.
pub fn check_variables(text: &str, span: Span, known: &[impl AsRef<str>], decoder: &Decoder) {
    for (name, at) in references(text) {
        if name.is_empty() {
            let place = variable_place(text, span, "$", at, decoder);
            decoder.wrong(place, "a `$` that begins no variable", "write `$$` for a dollar sign");
        } else if !known.iter().any(|known| known.as_ref() == name) {
            let written = format!("${name}");
            let valid: Vec<_> = known.iter().map(|name| format!("${}", name.as_ref())).collect();
            let help = match valid.as_slice() {
                [] => "no variable is replaced here; write `$$` for a dollar sign".to_owned(),
                valid => did_you_mean(&written, valid.iter().map(String::as_str)),
            };
            let place = variable_place(text, span, &written, at, decoder);
            decoder.wrong(place, format!("undefined variable `{written}`"), help);
        }
    }
}

/// The place of a variable where the file has it as it is, else the place of the whole text, which may have escapes.
fn variable_place(text: &str, span: Span, written: &str, at: usize, decoder: &Decoder) -> Span {
    let whole = decoder.source().text().get(span.start..span.end).unwrap_or_default();
    let start = if whole == text { Some(at) } else { whole.find(written) };
    start.map_or(span, |start| Span {
        start: span.start + start,
        end: (span.start + start + written.len()).min(span.end),
    })
}

/// The text with every variable replaced that `value` knows; the others stay as they are.
pub fn fill(text: &str, value: &impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    for part in parts(text) {
        match part {
            Part::Plain("$") => out.push_str("$$"),
            Part::Plain(plain) => out.push_str(plain),
            Part::Variable(name, at) => {
                // As it was written, so that reports show the author's own words.
                let braces = text[at + 1..].starts_with('{');
                let written = if braces { format!("${{{name}}}") } else { format!("${name}") };
                out.push_str(&value(name).unwrap_or(written));
            }
            Part::Stray(_) => out.push('$'),
        }
    }
    out
}

impl Text {
    /// The text with all variables replaced, or the name of the one that has no value.
    pub fn resolve(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let mut out = String::new();
        for part in parts(&self.0) {
            match part {
                Part::Plain(plain) => out.push_str(plain),
                Part::Variable(name, _) => out.push_str(&value(name).ok_or_else(|| name.to_owned())?),
                Part::Stray(_) => out.push('$'),
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_where_a_reader_would_end_them() {
        assert_eq!(references("/v2/user/$ada.id/x?y=$b."), [("ada.id", 9), ("b", 21)]);
        assert_eq!(references("${ada.id}x $$no $ 5"), [("ada.id", 0), ("", 16)]);
    }

    #[test]
    fn resolving_names_the_variable_without_a_value() {
        let value = |name: &str| (name == "ada.id").then(|| "7".to_owned());
        assert_eq!(Text("u/$ada.id$$".into()).resolve(value), Ok("u/7$".into()));
        assert_eq!(Text("$bob.id".into()).resolve(value), Err("bob.id".into()));
    }
}
