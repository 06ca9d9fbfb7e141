//! SDKs whose fault needs a memory: they go wrong after something happened in the same launch.

use super::sdk::{Sent, Stored, refuse, seat};
use crate::mutant::Mutant;
use crate::profile::{Profile, Request};
use crate::protocol::{ErrorKind, StatusWord};
use crate::reference::sdk::ports::Vault;
use crate::reference::sdk::record::{Record, TokenRecord};
use crate::reference::sdk::rules::{Faithful, Next, Plan, Rules};
use crate::reference::sdk::token::SignInToken;
use crate::reference::sdk::{SdkError, Secret};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// Signs out by itself and never lets anybody in again.
#[derive(Default)]
struct DeadForGood(AtomicBool);

impl Rules for DeadForGood {
    fn erase(&self, vault: &dyn Vault) -> Stored<()> {
        self.0.store(true, Ordering::Relaxed);
        Faithful.erase(vault)
    }

    fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
        if self.0.load(Ordering::Relaxed) {
            return refuse(ErrorKind::InvalidUser, "this user was deleted");
        }
        Faithful.plan_sign_in(current, token, now_ms)
    }
}

/// Says configured after it signed out by itself.
#[derive(Default)]
struct StaysConfigured(AtomicBool);

impl Rules for StaysConfigured {
    fn erase(&self, vault: &dyn Vault) -> Stored<()> {
        self.0.store(true, Ordering::Relaxed);
        Faithful.erase(vault)
    }

    fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
        match record {
            None if self.0.load(Ordering::Relaxed) => vec![StatusWord::Configured],
            _ => Faithful.status(record),
        }
    }
}

/// Refreshes with the first refresh token for ever.
#[derive(Default)]
struct OldRefreshToken(OnceLock<String>);

impl Rules for OldRefreshToken {
    fn refresh_request(&self, profile: &Profile, session: &TokenRecord) -> Request {
        let first = self.0.get_or_init(|| session.refresh_token.expose().to_owned());
        Faithful.refresh_request(profile, &TokenRecord { refresh_token: Secret::new(first), ..session.clone() })
    }
}

/// Retries a 401 many times.
#[derive(Default)]
struct RetriesOnAndOn(AtomicU32);

impl Rules for RetriesOnAndOn {
    fn after_api(&self, status: u16, retried: bool) -> Next {
        if status == 401 && self.0.fetch_add(1, Ordering::Relaxed) < 12 {
            return Next::RefreshAndRetry;
        }
        Faithful.after_api(status, retried)
    }
}

/// Refuses every sign-in after one that failed.
#[derive(Default)]
struct NeverForgives(AtomicBool);

impl Rules for NeverForgives {
    fn exchange_failure(&self, profile: &Profile, answer: &Sent) -> SdkError {
        self.0.store(true, Ordering::Relaxed);
        Faithful.exchange_failure(profile, answer)
    }

    fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> Plan {
        if self.0.load(Ordering::Relaxed) {
            return refuse(ErrorKind::AlreadySignedIn, "a sign-in is under way");
        }
        Faithful.plan_sign_in(current, token, now_ms)
    }
}

pub(super) fn mutants() -> Vec<Mutant> {
    let mutant = |name, clause, about, seat| Mutant { name, clause, about, seat };
    vec![
        mutant("dead-for-good", "DEL-3", "lets nobody in after a deletion", seat(Arc::new(DeadForGood::default()))),
        mutant(
            "stays-configured",
            "DEL-6",
            "says configured after it signed out by itself",
            seat(Arc::new(StaysConfigured::default())),
        ),
        mutant(
            "old-refresh-token",
            "REF-5",
            "refreshes with the first refresh token for ever",
            seat(Arc::new(OldRefreshToken::default())),
        ),
        mutant("retries-on-and-on", "REF-3", "retries a 401 a dozen times", seat(Arc::new(RetriesOnAndOn::default()))),
        mutant(
            "never-forgives",
            "EXC-4",
            "refuses every sign-in after one that failed",
            seat(Arc::new(NeverForgives::default())),
        ),
    ]
}
