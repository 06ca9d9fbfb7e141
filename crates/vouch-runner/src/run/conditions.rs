//! The conditions of a case that the scenario leaves open. `--vary` draws them from a seed, for each case by itself, so that a
//! build is not tried at one point only. A build must behave alike under all of them.

use super::plan::PlannedCase;
use super::role_setup::RoleSetup;
use crate::sut::{BackendRole, CloudRole};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;
use vouch_sim::clock::ClockMode;
use vouch_spec::protocol::Role;
use vouch_spec::scenario::Given;
use vouch_spec::step::{FaultKind, ScenarioStep, Step};

/// The shortest drawn lifetime of an access token, in seconds.
const SHORTEST_LIFETIME_S: f64 = 20.0;
/// The longest of the short ones.
const SHORT_LIFETIME_S: f64 = 60.0;
/// The longest one: a year.
const LONGEST_LIFETIME_S: f64 = 365.0 * 86_400.0;
/// How far the device's clock may be off.
const LARGEST_OFFSET_MS: i64 = 365 * 86_400_000;
/// How many bytes a token may be longer than usual. An access token then has almost 16 KB.
const LARGEST_PADDING: usize = 11_000;
/// Time zones with odd offsets, with summer time, and on both sides of the date line.
const TIME_ZONES: [&str; 6] =
    ["UTC", "America/St_Johns", "Asia/Kathmandu", "Europe/Istanbul", "Pacific/Kiritimati", "Pacific/Pago_Pago"];
/// Locales with letter cases, digits, calendars and decimal signs of their own.
const LOCALES: [&str; 6] = ["C.UTF-8", "ar_EG.UTF-8", "de_DE.UTF-8", "fa_IR.UTF-8", "th_TH.UTF-8", "tr_TR.UTF-8"];

/// The conditions of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    /// Of access tokens.
    pub lifetime: Option<Duration>,
    /// How far the device's clock is ahead of the servers', in milliseconds.
    pub clock_offset_ms: i64,
    /// How many bytes tokens are longer than usual.
    pub token_padding: usize,
    /// Whether the servers write header names as `Retry-After` instead of `retry-after`.
    pub title_case_headers: bool,
    /// `TZ` and the locale of the SDK's process.
    pub zone_and_locale: Option<(&'static str, &'static str)>,
    /// What the ids of app users end with.
    pub id_suffix: Option<&'static str>,
}

/// Ends of ids with capitals, spaces, signs of URLs and letters beyond ASCII.
const ID_SUFFIXES: [&str; 6] = ["", "-ADA", "|Ada+1", "/../x?y=z&w", " Zoë ÅÄÖ", "@Example.ORG"];

impl Conditions {
    /// The conditions of a case in a run with this seed.
    pub fn draw(seed: u64, case: &PlannedCase, setup: &RoleSetup) -> Self {
        // FNV-1a, so that a case has the same conditions in every selection of cases.
        let hashed = case
            .id
            .bytes()
            .fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let random = &mut StdRng::seed_from_u64(hashed);
        // Very short lives are where SDKs go wrong: every third case has one.
        let longest = if random.random_ratio(1, 3) { SHORT_LIFETIME_S } else { LONGEST_LIFETIME_S };
        let exponent: f64 = random.random_range(0.0..1.0);
        let seconds = SHORTEST_LIFETIME_S * (longest / SHORTEST_LIFETIME_S).powf(exponent);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 20 and a year in seconds")]
        let lifetime = Duration::from_secs(seconds as u64);
        let offset = random.random_range(-LARGEST_OFFSET_MS..LARGEST_OFFSET_MS);
        let padding = random.random_range(0..LARGEST_PADDING);
        let title_case_headers = random.random();
        let zone = TIME_ZONES[random.random_range(0..TIME_ZONES.len())];
        let locale = LOCALES[random.random_range(0..LOCALES.len())];
        let suffix = ID_SUFFIXES[random.random_range(0..ID_SUFFIXES.len())];
        // Half of the cases keep the usual clock and the usual sizes, so that one condition does not hide another.
        let (off, padded) = (random.random(), random.random());
        let (simulated, virtual_time) =
            (matches!(setup.cloud, CloudRole::Simulated { .. }), setup.mode == ClockMode::Virtual);
        let counts_time = has(case, &|step| is_about_time(&step.step));
        // Scenarios for servers write ids into URLs as they are.
        let of_servers = case.tries(&[Role::Api, Role::Idp]);
        let built_in = matches!(setup.backend, BackendRole::Builtin(_));
        let names_ids = built_in && !of_servers && case.given.external_ids.is_empty();
        Self {
            lifetime: (simulated && virtual_time && !counts_time).then_some(lifetime),
            clock_offset_ms: if off && virtual_time && setup.tells_time && !counts_time { offset } else { 0 },
            token_padding: if padded && simulated { padding } else { 0 },
            title_case_headers,
            zone_and_locale: Some((zone, locale)),
            id_suffix: names_ids.then_some(suffix),
        }
    }

    /// The lines of the report, each with a name and a value.
    pub fn in_words(&self) -> Vec<(String, String)> {
        self.describe().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if let Some(lifetime) = self.lifetime {
            lines.push(("access-token lifetime", humantime::format_duration(lifetime).to_string()));
        }
        if self.clock_offset_ms != 0 {
            let by = Duration::from_secs(self.clock_offset_ms.unsigned_abs() / 1000);
            let way = if self.clock_offset_ms > 0 { "ahead" } else { "behind" };
            lines.push(("device clock", format!("{} {way}", humantime::format_duration(by))));
        }
        if self.token_padding > 0 {
            lines.push(("tokens longer by", format!("{} bytes", self.token_padding)));
        }
        if self.title_case_headers {
            lines.push(("header names", "Title-Case".into()));
        }
        if let Some((zone, locale)) = self.zone_and_locale {
            lines.extend([("TZ", zone.to_owned()), ("LANG", locale.to_owned())]);
        }
        if let Some(suffix) = self.id_suffix.filter(|suffix| !suffix.is_empty()) {
            lines.push(("user ids end with", suffix.to_owned()));
        }
        lines
    }

    /// The world of the scenario with these ids of its app users.
    pub fn apply_to(&self, mut given: Given) -> Given {
        if let Some(suffix) = self.id_suffix {
            let names: Vec<_> = given.users.iter().chain(&given.newcomers).cloned().collect();
            given.external_ids.extend(names.into_iter().map(|name| {
                let id = format!("app-user-{name}{suffix}");
                (name, id)
            }));
        }
        given
    }

    /// The variables of the SDK's process.
    pub fn environment(&self) -> Vec<(&'static str, &'static str)> {
        let variables = self.zone_and_locale.map(|(zone, locale)| [("TZ", zone), ("LANG", locale), ("LC_ALL", locale)]);
        variables.into_iter().flatten().collect()
    }
}

/// Whether a step of the case, or one inside it, is such a one.
fn has(case: &PlannedCase, is_such: &dyn Fn(&ScenarioStep) -> bool) -> bool {
    fn any(step: &ScenarioStep, is_such: &dyn Fn(&ScenarioStep) -> bool) -> bool {
        is_such(step) || step.step.inner().into_iter().any(|inner| any(inner, is_such))
    }
    case.steps.iter().any(|step| any(step, is_such))
}

/// Whether a step counts on the usual lifetime or on a clock that is right.
fn is_about_time(step: &Step) -> bool {
    match step {
        Step::Advance(_) | Step::ClockSkew(_) | Step::Wait(_) => true,
        Step::Fault(fault) => {
            fault.retry_after.is_some() || fault.retry_after_date.is_some() || fault.kind == FaultKind::Delay
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Plan;
    use std::path::Path;
    use std::sync::Arc;
    use vouch_sim::mock_cloud::Keys;
    use vouch_spec::scenario::Suite;

    fn plan() -> Plan {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/refresh");
        let (suite, problems) = Suite::load(&[path]).expect("the suite can be read");
        Plan::build(&suite, problems).expect("a plan")
    }

    #[test]
    fn a_seed_draws_the_same_again_and_another_seed_something_else() {
        let setup = RoleSetup::built_in(Arc::new(Keys::hmac().expect("a key")));
        let plan = plan();
        let draw = |seed| plan.cases.iter().map(|case| Conditions::draw(seed, case, &setup)).collect::<Vec<_>>();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let lives: Vec<_> = draw(1).into_iter().filter_map(|conditions| conditions.lifetime).collect();
        let (least, most) = (Duration::from_secs(20), Duration::from_secs(365 * 86_400));
        assert!(lives.iter().all(|life| (least..=most).contains(life)), "{lives:?}");
        assert!(lives.iter().any(|life| *life < Duration::from_secs(60)), "some are short: {lives:?}");
        assert!(lives.iter().any(|life| *life > Duration::from_secs(25 * 86_400)), "some are long: {lives:?}");
    }

    #[test]
    fn a_case_that_counts_time_keeps_the_usual_lifetime_and_the_right_clock() {
        let setup = RoleSetup::built_in(Arc::new(Keys::hmac().expect("a key")));
        let plan = plan();
        let case = plan.cases.iter().find(|case| case.id == "months-of-refreshes").expect("that case");
        for seed in 0..50 {
            let conditions = Conditions::draw(seed, case, &setup);
            assert_eq!((conditions.lifetime, conditions.clock_offset_ms), (None, 0));
        }
    }
}
