//! The content of a policy file, and its checks.

use super::{Life, Policy, Provider};
use serde::Deserialize;
use std::time::Duration;
use vouch_spec::duration;
use vouch_spec::text::{Decoder, Spanned};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PolicyFile {
    name: Spanned<String>,
    provider: ProviderSection,
    life: LifeSection,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProviderSection {
    access_token: Spanned<String>,
    rotation: Spanned<String>,
    grace: Spanned<String>,
    keeps_predecessor: bool,
    reuse_detection: bool,
    idle_limit: Spanned<String>,
    session_lifetime: Spanned<String>,
    revocations_per_month: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LifeSection {
    uses_per_day: Spanned<f64>,
    calls_per_use: Spanned<u32>,
    call_gap: Spanned<String>,
    wakes_per_day: Spanned<f64>,
    wake_length: Spanned<String>,
    kills_per_wake: Spanned<f64>,
    crashes_per_use: Spanned<f64>,
    cold_starts: Spanned<f64>,
    round_trip: Spanned<String>,
    lost_requests: Spanned<f64>,
    lost_answers: Spanned<f64>,
    server_errors: Spanned<f64>,
    resets: Spanned<f64>,
    timeout: Spanned<String>,
    outage_after_loss: Spanned<String>,
    offline_per_day: Spanned<f64>,
    offline_length: Spanned<String>,
    reboots_per_month: Spanned<f64>,
    until_unlock: Spanned<String>,
    updates_per_month: Spanned<f64>,
    clock_errors_per_month: Spanned<f64>,
    clock_error: Spanned<String>,
    clock_error_length: Spanned<String>,
    dormant_per_month: Spanned<f64>,
    dormant_length: Spanned<String>,
}

/// The highest rates. They bound the time that a device takes.
const MOST_PER_DAY: f64 = 500.0;
const MOST_PER_MONTH: f64 = 1000.0;
const MOST_CALLS: u32 = 100;
/// The longest name, in characters.
const LONGEST_NAME: usize = 40;

/// Reads values, and reports those that cannot be used.
struct Reader<'a>(&'a Decoder);

impl Reader<'_> {
    fn time(&self, text: &Spanned<String>) -> Duration {
        self.checked(text, duration::parse(&text.value))
    }

    fn positive(&self, text: &Spanned<String>) -> Duration {
        self.checked(text, duration::parse_positive(&text.value))
    }

    fn checked(&self, text: &Spanned<String>, parsed: Result<Duration, duration::DurationError>) -> Duration {
        parsed.unwrap_or_else(|error| {
            self.0.wrong(text.span, error.to_string(), "write for example \"30s\" or \"14d\"");
            Duration::ZERO
        })
    }

    /// A limit, or none.
    fn limit(&self, text: &Spanned<String>) -> Option<Duration> {
        if text.value == "none" { None } else { Some(self.positive(text)) }
    }

    fn whole_seconds(&self, text: &Spanned<String>) -> Duration {
        let time = self.time(text);
        if time.subsec_nanos() != 0 {
            self.0.wrong(text.span, format!("`{}` is not a number of whole seconds", text.value), "write \"2s\"");
        }
        time
    }

    fn rotates(&self, word: &Spanned<String>) -> bool {
        if !["required", "never"].contains(&word.value.as_str()) {
            self.0.wrong(word.span, format!("`{}` is not a rotation", word.value), "write \"required\" or \"never\"");
        }
        word.value == "required"
    }

    fn share(&self, share: &Spanned<f64>) -> f64 {
        self.within(share, 1.0, "a share is between 0 and 1; 1 % is 0.01")
    }

    fn per_day(&self, rate: &Spanned<f64>) -> f64 {
        self.within(rate, MOST_PER_DAY, &format!("a rate per day is between 0 and {MOST_PER_DAY}"))
    }

    fn per_month(&self, rate: &Spanned<f64>) -> f64 {
        self.within(rate, MOST_PER_MONTH, &format!("a rate per month is between 0 and {MOST_PER_MONTH}"))
    }

    fn within(&self, number: &Spanned<f64>, most: f64, help: &str) -> f64 {
        if !(0.0..=most).contains(&number.value) {
            self.0.wrong(number.span, format!("{} is out of range", number.value), help);
        }
        number.value
    }
}

impl PolicyFile {
    /// Checks the values, and reports those that cannot be used to the decoder.
    pub fn resolve(self, decoder: &Decoder) -> Policy {
        let name = self.name.value;
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            decoder.wrong(
                self.name.span,
                "this is not a usable name",
                format!("a name has 1 to {LONGEST_NAME} characters, none of them a control character"),
            );
        }
        let reader = Reader(decoder);
        Policy { name, provider: self.provider.resolve(&reader), life: self.life.resolve(&reader) }
    }
}

impl ProviderSection {
    fn resolve(self, reader: &Reader<'_>) -> Provider {
        Provider {
            access_token: reader.positive(&self.access_token),
            rotates: reader.rotates(&self.rotation),
            grace: reader.whole_seconds(&self.grace),
            keeps_predecessor: self.keeps_predecessor,
            detects_reuse: self.reuse_detection,
            idle_limit: reader.limit(&self.idle_limit),
            session_lifetime: reader.limit(&self.session_lifetime),
            revocations_per_month: reader.per_month(&self.revocations_per_month),
        }
    }
}

impl LifeSection {
    fn resolve(self, reader: &Reader<'_>) -> Life {
        let lost = [&self.lost_requests, &self.lost_answers, &self.server_errors].map(|share| share.value);
        // A share that is out of range by itself is reported below.
        if lost.iter().all(|share| *share <= 1.0) && lost.iter().sum::<f64>() > 1.0 {
            let help = "lostRequests, lostAnswers and serverErrors are shares of the same exchanges";
            reader.0.wrong(self.lost_answers.span, "more than all exchanges go wrong", help);
        }
        let calls = self.calls_per_use;
        if !(1..=MOST_CALLS).contains(&calls.value) {
            reader.0.wrong(calls.span, format!("{} calls are out of range", calls.value), "1 to 100 calls");
        }
        Life {
            uses_per_day: reader.per_day(&self.uses_per_day),
            calls_per_use: calls.value,
            call_gap: reader.time(&self.call_gap),
            wakes_per_day: reader.per_day(&self.wakes_per_day),
            wake_length: reader.positive(&self.wake_length),
            kills_per_wake: reader.share(&self.kills_per_wake),
            crashes_per_use: reader.share(&self.crashes_per_use),
            cold_starts: reader.share(&self.cold_starts),
            round_trip: reader.time(&self.round_trip),
            lost_requests: reader.share(&self.lost_requests),
            lost_answers: reader.share(&self.lost_answers),
            server_errors: reader.share(&self.server_errors),
            resets: reader.share(&self.resets),
            timeout: reader.time(&self.timeout),
            outage_after_loss: reader.time(&self.outage_after_loss),
            offline_per_day: reader.per_day(&self.offline_per_day),
            offline_length: reader.time(&self.offline_length),
            reboots_per_month: reader.per_month(&self.reboots_per_month),
            until_unlock: reader.time(&self.until_unlock),
            updates_per_month: reader.per_month(&self.updates_per_month),
            clock_errors_per_month: reader.per_month(&self.clock_errors_per_month),
            clock_error: reader.time(&self.clock_error),
            clock_error_length: reader.time(&self.clock_error_length),
            dormant_per_month: reader.per_month(&self.dormant_per_month),
            dormant_length: reader.time(&self.dormant_length),
        }
    }
}
