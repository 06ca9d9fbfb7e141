//! How long tokens live while steps wait for their expiry.

use std::time::Duration;
use vouch_sim::clock::ClockMode;
use vouch_sim::mock_cloud::Lifetimes;
use vouch_spec::step::Expiries;

/// The life of a token whose end is waited for in real time. Long enough to be used once.
const SHORT_LIFE: Duration = Duration::from_secs(2);

/// In real time tokens are short-lived as long as a step waits for their expiry, and no longer: an SDK that refreshes early
/// would find every token due.
/// `access_token` is the usual lifetime of access tokens, where the case has one of its own.
pub(super) fn lifetimes(expiries: Expiries, mode: ClockMode, access_token: Option<Duration>) -> Lifetimes {
    let usual = Lifetimes::default();
    let usual = Lifetimes { access_token: access_token.unwrap_or(usual.access_token), ..usual };
    let life = |waited_for: usize, usual| if mode == ClockMode::Real && waited_for > 0 { SHORT_LIFE } else { usual };
    Lifetimes {
        sign_in_token: life(expiries.sign_in_token, usual.sign_in_token),
        access_token: life(expiries.access_token, usual.access_token),
    }
}
