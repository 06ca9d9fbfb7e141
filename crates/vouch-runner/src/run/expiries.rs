//! Expiry that steps wait for: in real time tokens must be short-lived for it.

use std::time::Duration;
use vouch_sim::clock::Mode;
use vouch_sim::mock_cloud::Lifetimes;

/// How many steps still wait for a kind of token to expire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiries {
    pub sign_in_token: usize,
    pub access_token: usize,
}

/// The life of a token whose end is waited for in real time. Long enough to be used once.
const SHORT_LIFE: Duration = Duration::from_secs(2);

impl Expiries {
    pub(super) fn plus(self, more: Self) -> Self {
        Self {
            sign_in_token: self.sign_in_token + more.sign_in_token,
            access_token: self.access_token + more.access_token,
        }
    }

    /// In real time tokens are short-lived as long as a step waits for their end, and no longer: an SDK that refreshes
    /// early would find every token due.
    pub(super) fn lifetimes(self, mode: Mode) -> Lifetimes {
        let usual = Lifetimes::default();
        let life = |waited_for: usize, usual| if mode == Mode::Real && waited_for > 0 { SHORT_LIFE } else { usual };
        Lifetimes {
            sign_in_token: life(self.sign_in_token, usual.sign_in_token),
            access_token: life(self.access_token, usual.access_token),
        }
    }
}
