//! Faults as load files write them.

use super::{Fault, FaultKind, FaultedCall};
use crate::plan::PlanError;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use std::fmt;
use std::time::Duration;
use vouch_spec::duration;
use vouch_spec::text::{Decoder, Span, Spanned, did_you_mean};

/// The most faults of a load.
pub const MAX_FAULTS: usize = 50;

/// A fault: what happens to a share of the answers, and when.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultEntry {
    /// When it starts, since the start of the run: `10s`.
    from: Spanned<String>,
    /// When it ends.
    until: Spanned<String>,
    /// What happens to the answers: `lost`, `delayed`, `reset`, `429`, `503` or `refused`.
    answers: Spanned<Word>,
    /// The share of the calls that it hits, for example `5%`. Default: all.
    share: Option<Spanned<String>>,
    /// With `delayed`: how much later the answer comes.
    delay: Option<Spanned<String>>,
    /// With `429` and `503`: the value of `Retry-After`, in whole seconds. Default: the answer has none.
    retry_after: Option<Spanned<String>>,
    /// The call that it hits. Default: exchange and refresh.
    at: Option<Spanned<FaultedCall>>,
}

/// A word, or a number that is one: `429`.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(with = "String")]
struct Word(String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Word;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word or a status")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Word, E> {
                Ok(Word(word.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Word, E> {
                Ok(Word(number.to_string()))
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

const ANSWERS: [&str; 6] = ["lost", "delayed", "reset", "429", "503", "refused"];

impl FaultEntry {
    /// Reports what is wrong with the faults of a file, as far as it does not depend on the duration of the load.
    pub fn check_all(faults: &[FaultEntry], decoder: &Decoder) {
        if let Some(fault) = faults.get(MAX_FAULTS) {
            decoder.wrong(
                fault.from.span,
                format!("a load has at most {MAX_FAULTS} faults, and this one has {}", faults.len()),
                "remove some of them",
            );
        }
        faults.iter().for_each(|fault| fault.check(decoder));
    }

    fn check(&self, decoder: &Decoder) {
        let time = |text: &Spanned<String>, parsed: Result<Duration, duration::DurationError>| {
            parsed.map_err(|why| decoder.wrong(text.span, why.to_string(), "use the units d, h, m, s and ms")).ok()
        };
        let from = time(&self.from, duration::parse(&self.from.value));
        let until = time(&self.until, duration::parse_positive(&self.until.value));
        if from.zip(until).is_some_and(|(from, until)| until <= from) {
            let text = format!("the fault ends at {}, not after its start", self.until.value);
            decoder.wrong(self.until.span, text, format!("write a time after {}", self.from.value));
        }
        if let Some(text) = self.share.as_ref().filter(|text| share(&text.value).is_none()) {
            let text_of = format!("`{}` is not a share of the answers", text.value);
            decoder.wrong(text.span, text_of, "write a share above 0% and up to 100%, for example `5%`");
        }
        let word = self.answers.value.0.as_str();
        if !ANSWERS.contains(&word) {
            let help = did_you_mean(word, ANSWERS.iter().copied());
            return decoder.wrong(self.answers.span, format!("unknown word `{word}`"), help);
        }
        match &self.delay {
            None if word == "delayed" => {
                decoder.wrong(self.answers.span, "how long are the answers delayed?", "add for example `delay: 2s`");
            }
            Some(delay) if word != "delayed" => {
                decoder.wrong(
                    delay.span,
                    format!("answers that are `{word}` have no delay"),
                    "remove it, or write `answers: delayed`",
                );
            }
            Some(delay) => {
                time(delay, duration::parse_positive(&delay.value));
            }
            None => {}
        }
        if let Some(text) = &self.retry_after {
            if !matches!(word, "429" | "503") {
                let what = format!("answers that are `{word}` have no `Retry-After`");
                decoder.wrong(text.span, what, "remove it, or write `answers: 429` or `answers: 503`");
            } else if let Some(wait) = time(text, duration::parse_positive(&text.value))
                && wait.subsec_nanos() > 0
            {
                let what = format!("`{}` cannot be written in a `Retry-After`", text.value);
                decoder.wrong(text.span, what, "the header has whole seconds (RFC 9110 section 10.2.3)");
            }
        }
    }

    /// Where an error of the whole load is in this entry.
    pub fn place(&self, error: &PlanError) -> Span {
        match (error, &self.at) {
            (PlanError::FaultHitsNothing { .. }, Some(at)) => at.span,
            _ => self.until.span,
        }
    }

    /// The fault; `None` if the entry was found wrong.
    pub fn resolve(&self) -> Option<Fault> {
        let time = |text: &Spanned<String>| duration::parse(&text.value).ok();
        let kind = match self.answers.value.0.as_str() {
            "lost" => FaultKind::Lost,
            "reset" => FaultKind::Reset,
            "refused" => FaultKind::Refused,
            "delayed" => FaultKind::Delayed(time(self.delay.as_ref()?)?),
            status => FaultKind::Status {
                status: status.parse().ok()?,
                retry_after: self.retry_after.as_ref().and_then(time),
            },
        };
        let share = self.share.as_ref().map_or(Some(1.0), |text| share(&text.value))?;
        Some(Fault {
            from: time(&self.from)?,
            until: time(&self.until)?,
            kind,
            share,
            at: self.at.as_ref().map(|at| at.value),
        })
    }
}

/// A share in per cent, as a number above 0 and up to 1.
fn share(text: &str) -> Option<f64> {
    let per_cent = text.trim().strip_suffix('%')?.trim().parse::<f64>().ok()?;
    (per_cent > 0.0 && per_cent <= 100.0).then_some(per_cent / 100.0)
}
