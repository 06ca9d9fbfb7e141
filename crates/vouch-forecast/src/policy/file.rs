//! The content of a policy file, and its checks.

use super::{Life, Policy, Provider};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::time::Duration;
use vouch_spec::duration;
use vouch_spec::text::{Decoder, Span, Spanned};

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
    keeps_predecessor: Plain<bool>,
    reuse_detection: Plain<bool>,
    idle_limit: Spanned<String>,
    session_lifetime: Spanned<String>,
    revocations_per_month: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LifeSection {
    uses_per_day: Number,
    calls_per_use: Count,
    call_gap: Spanned<String>,
    wakes_per_day: Number,
    wake_length: Spanned<String>,
    kills_per_wake: Number,
    crashes_per_use: Number,
    cold_starts: Number,
    round_trip: Spanned<String>,
    lost_requests: Number,
    lost_answers: Number,
    server_errors: Number,
    resets: Number,
    timeout: Spanned<String>,
    outage_after_loss: Spanned<String>,
    offline_per_day: Number,
    offline_length: Spanned<String>,
    reboots_per_month: Number,
    until_unlock: Spanned<String>,
    updates_per_month: Number,
    clock_errors_per_month: Number,
    clock_error: Spanned<String>,
    clock_error_length: Spanned<String>,
    dormant_per_month: Number,
    dormant_length: Spanned<String>,
}

/// A value that is not written as text.
trait PlainValue {
    /// What to write.
    const WORDS: &'static str;
}

impl PlainValue for f64 {
    const WORDS: &'static str = "a number without quotes; 1 % is 0.01";
}

impl PlainValue for u32 {
    const WORDS: &'static str = "a whole number without quotes, for example 3";
}

impl PlainValue for bool {
    const WORDS: &'static str = "true or false, without quotes";
}

/// A [`PlainValue`], with a message for what is none.
#[derive(Clone, Copy)]
struct Plain<T>(T);

impl<'de, T: PlainValue + Deserialize<'de>> Deserialize<'de> for Plain<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self).map_err(|_| D::Error::custom(format!("expected {}", T::WORDS)))
    }
}

type Number = Spanned<Plain<f64>>;
type Count = Spanned<Plain<u32>>;

/// The highest rates. They bound the time that a device takes.
const MOST_PER_DAY: f64 = 500.0;
const MOST_PER_MONTH: f64 = 1000.0;
const MOST_CALLS: u32 = 100;
const DAY: Duration = Duration::from_secs(24 * 3600);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);
/// The longest times. Longer ones are mistakes, and no server and no system has them.
const LONGEST_ROUND_TRIP: (&str, Duration) = ("1m", Duration::from_secs(60));
const LONGEST_TIMEOUT: (&str, Duration) = ("10m", Duration::from_secs(600));
const LONGEST_WAKE: (&str, Duration) = ("1h", Duration::from_secs(3600));
const LONGEST_OUTAGE: (&str, Duration) = ("1d", DAY);
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

    fn whole_seconds(&self, text: &Spanned<String>, time: Duration, help: &str) -> Duration {
        if time.subsec_nanos() != 0 {
            self.0.wrong(text.span, format!("`{}` is not a number of whole seconds", text.value), help);
        }
        time
    }

    /// A time up to the longest one. One that is too long counts as none, so that it is reported once.
    fn up_to(
        &self,
        text: &Spanned<String>,
        time: Duration,
        (words, longest): (&str, Duration),
        example: &str,
    ) -> Duration {
        if time > longest {
            let help = format!("it is at most \"{words}\"; write for example \"{example}\"");
            self.0.wrong(text.span, format!("`{}` is too long", text.value), help);
            return Duration::ZERO;
        }
        time
    }

    /// Reports spells that take more than all of the time: so many in a period, each of this length.
    fn fits(&self, many: &Number, (each, text): (Duration, &Spanned<String>), (period, words): (Duration, &str)) {
        let days = many.value.0 * each.as_secs_f64() / DAY.as_secs_f64();
        if days > period.as_secs_f64() / DAY.as_secs_f64() {
            let message = format!("at {} a {words}, this takes {days:.2} days of each {words}", many.value.0);
            self.0.wrong(own([text.span, many.span]), message, "write a shorter time, or a lower rate");
        }
    }

    fn rotates(&self, word: &Spanned<String>) -> bool {
        if !["required", "never"].contains(&word.value.as_str()) {
            self.0.wrong(word.span, format!("`{}` is not a rotation", word.value), "write \"required\" or \"never\"");
        }
        word.value == "required"
    }

    fn share(&self, share: &Number) -> f64 {
        self.within(share, 1.0, "a share is between 0 and 1; 1 % is 0.01")
    }

    fn per_day(&self, rate: &Number) -> f64 {
        self.within(rate, MOST_PER_DAY, &format!("a rate per day is between 0 and {MOST_PER_DAY}"))
    }

    fn per_month(&self, rate: &Number) -> f64 {
        self.within(rate, MOST_PER_MONTH, &format!("a rate per month is between 0 and {MOST_PER_MONTH}"))
    }

    fn within(&self, number: &Number, most: f64, help: &str) -> f64 {
        if !(0.0..=most).contains(&number.value.0) {
            self.0.wrong(number.span, format!("{} is out of range", number.value.0), help);
        }
        number.value.0
    }
}

/// Where values that do not go together are reported: at the first that the file itself has. A default has an empty span.
fn own<const N: usize>(spans: [Span; N]) -> Span {
    let in_file = spans.iter().find(|span| span.start < span.end);
    in_file.or(spans.first()).copied().unwrap_or_default()
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
        let (token, trip) = (self.provider.access_token.clone(), self.life.round_trip.clone());
        let policy = Policy { name, provider: self.provider.resolve(&reader), life: self.life.resolve(&reader) };
        if duration::parse_positive(&token.value).is_ok_and(|lifetime| lifetime <= policy.life.round_trip) {
            let message = format!("an access token that lives {} has expired when it arrives", token.value);
            let help = format!("write an accessToken that is longer than roundTrip, which is \"{}\"", trip.value);
            decoder.wrong(own([token.span, trip.span]), message, help);
        }
        policy
    }
}

impl ProviderSection {
    fn resolve(self, reader: &Reader<'_>) -> Provider {
        Provider {
            access_token: reader.whole_seconds(
                &self.access_token,
                reader.positive(&self.access_token),
                "a token response has whole seconds (RFC 6749 section 5.1); write for example \"1h\"",
            ),
            rotates: reader.rotates(&self.rotation),
            grace: reader.whole_seconds(&self.grace, reader.time(&self.grace), "write for example \"2s\""),
            keeps_predecessor: self.keeps_predecessor.0,
            detects_reuse: self.reuse_detection.0,
            idle_limit: reader.limit(&self.idle_limit),
            session_lifetime: reader.limit(&self.session_lifetime),
            revocations_per_month: reader.per_month(&self.revocations_per_month),
        }
    }
}

impl LifeSection {
    fn resolve(self, reader: &Reader<'_>) -> Life {
        let lost = [&self.lost_requests, &self.lost_answers, &self.server_errors].map(|share| share.value.0);
        // A share that is out of range by itself is reported below.
        if lost.iter().all(|share| *share <= 1.0) && lost.iter().sum::<f64>() > 1.0 {
            let help = "lostRequests, lostAnswers and serverErrors are shares of the same exchanges";
            let spans = [&self.lost_answers, &self.lost_requests, &self.server_errors].map(|share| share.span);
            reader.0.wrong(own(spans), "more than all exchanges go wrong", help);
        }
        let calls = self.calls_per_use;
        if !(1..=MOST_CALLS).contains(&calls.value.0) {
            let help = format!("write 1 to {MOST_CALLS} calls");
            reader.0.wrong(calls.span, format!("{} calls are out of range", calls.value.0), help);
        }
        let life = Life {
            uses_per_day: reader.per_day(&self.uses_per_day),
            calls_per_use: calls.value.0,
            call_gap: reader.time(&self.call_gap),
            wakes_per_day: reader.per_day(&self.wakes_per_day),
            wake_length: reader.up_to(&self.wake_length, reader.positive(&self.wake_length), LONGEST_WAKE, "15s"),
            kills_per_wake: reader.share(&self.kills_per_wake),
            crashes_per_use: reader.share(&self.crashes_per_use),
            cold_starts: reader.share(&self.cold_starts),
            round_trip: reader.up_to(&self.round_trip, reader.time(&self.round_trip), LONGEST_ROUND_TRIP, "300ms"),
            lost_requests: reader.share(&self.lost_requests),
            lost_answers: reader.share(&self.lost_answers),
            server_errors: reader.share(&self.server_errors),
            resets: reader.share(&self.resets),
            timeout: reader.up_to(&self.timeout, reader.time(&self.timeout), LONGEST_TIMEOUT, "10s"),
            outage_after_loss: reader.up_to(
                &self.outage_after_loss,
                reader.time(&self.outage_after_loss),
                LONGEST_OUTAGE,
                "15s",
            ),
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
        };
        self.relations(&life, reader);
        life
    }

    /// Reports values that do not go together.
    fn relations(&self, life: &Life, reader: &Reader<'_>) {
        if duration::parse(&self.timeout.value).is_ok_and(|timeout| timeout < life.round_trip) {
            let (trip, timeout) = (&self.round_trip, &self.timeout);
            let message = format!("with a roundTrip of \"{}\" each exchange would time out", trip.value);
            let help = format!("timeout is \"{}\"; write a longer one, or a shorter roundTrip", timeout.value);
            reader.0.wrong(own([timeout.span, trip.span]), message, help);
        }
        let use_length = life.call_gap * life.calls_per_use.saturating_sub(1);
        let (daily, monthly) = ((DAY, "day"), (MONTH, "month"));
        for (many, each, text, period) in [
            (&self.uses_per_day, use_length, &self.call_gap, daily),
            (&self.wakes_per_day, life.wake_length, &self.wake_length, daily),
            (&self.offline_per_day, life.offline_length, &self.offline_length, daily),
            (&self.reboots_per_month, life.until_unlock, &self.until_unlock, monthly),
            (&self.clock_errors_per_month, life.clock_error_length, &self.clock_error_length, monthly),
            (&self.dormant_per_month, life.dormant_length, &self.dormant_length, monthly),
        ] {
            reader.fits(many, (each, text), period);
        }
    }
}
