//! SDK mutants that show only under conditions that `--vary` draws.

use super::{NetworkResult, StorageResult, sdk_policy};
use crate::mutant::{Mutant, Mutation, mutants};
use crate::reference::adapter::{SdkFactory, SdkParts};
use crate::reference::sdk::Secret;
use crate::reference::sdk::policy::{DefaultSdkPolicy, RefreshOutcome, SdkPolicy, TokenSet};
use crate::reference::sdk::ports::{HttpResponse, Network, Storage};
use crate::reference::sdk::record::{Record, TokenRecord};
use std::sync::Arc;
use std::time::Duration;
use vouch_spec::profile::{IdpCall, Profile};

/// The longest token that fits into a column.
const COLUMN: usize = 8192;

fn fitting(token: &Secret) -> Secret {
    let text = token.expose();
    Secret::new(text.get(..COLUMN).unwrap_or(text))
}

mutants! { SdkPolicy, sdk_policy;
    FixedLeeway "fixed-leeway" breaks "REF-13" varied by 1: "Takes an access token for expired a minute before its end, however short its life is" {
        fn is_fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
            now_ms + 60_000 < session.expires_at_ms
        }
    }
    FixedMargin "fixed-margin-of-ten-minutes" breaks "REF-13": "Takes an access token for expired ten minutes before its end, however short its life is" {
        fn is_fresh(&self, session: &TokenRecord, now_ms: i64) -> bool {
            now_ms + 600_000 < session.expires_at_ms
        }
    }
    LifetimeIn32Bits "lifetime-in-32-bits" breaks "REF-13" varied by 4: "Counts the milliseconds of a lifetime in 32 bits" {
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            let tokens = DefaultSdkPolicy.tokens(profile, call, answer)?;
            let milliseconds = tokens.expires_in.as_millis() % (1 << 32);
            // From half of the range on, the number is negative.
            let left = if milliseconds < 1 << 31 { u64::try_from(milliseconds).unwrap_or(0) } else { 0 };
            Some(TokenSet { expires_in: Duration::from_millis(left), ..tokens })
        }
    }
    ColumnOf8K "column-of-8k" breaks "PER-1" varied by 6: "Stores the first 8 KB of a token" {
        fn save(&self, storage: &dyn Storage, record: &Record) -> StorageResult<()> {
            match record {
                Record::SignInToken(session) => {
                    let access_token = fitting(&session.access_token);
                    let refresh_token = fitting(&session.refresh_token);
                    let stored = TokenRecord { access_token, refresh_token, ..session.clone() };
                    DefaultSdkPolicy.save(storage, &Record::SignInToken(stored))
                }
                other @ Record::ApiKey(_) => DefaultSdkPolicy.save(storage, other),
            }
        }
    }
}

/// Compares error codes in capitals, as the locale of the process writes them.
struct LocaleCase;

impl SdkFactory for LocaleCase {
    fn assemble(&self, storage: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        SdkParts { policy: Arc::new(DefaultSdkPolicy), storage, net }
    }

    fn in_locale(&self, locale: &str) -> Option<Arc<dyn SdkFactory>> {
        locale.starts_with("tr").then(|| Arc::new(TurkishCase) as Arc<dyn SdkFactory>)
    }
}

/// The same in Turkish, where the capital of i is not I.
struct TurkishCase;

impl SdkFactory for TurkishCase {
    fn assemble(&self, storage: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        SdkParts { policy: Arc::new(TurkishCase), storage, net }
    }
}

impl SdkPolicy for TurkishCase {
    fn read_refresh(&self, profile: &Profile, answer: &NetworkResult) -> RefreshOutcome {
        match DefaultSdkPolicy.read_refresh(profile, answer) {
            // `invalid_token` has an i.
            RefreshOutcome::UserGone => RefreshOutcome::Unexpected,
            outcome => outcome,
        }
    }
}

/// Those of the locale.
pub(super) fn of_locale() -> Vec<Mutant> {
    vec![Mutant {
        name: "capitals-by-locale",
        clause: "DEL-2",
        about: "Compares error codes in capitals of the device's language",
        profile: None,
        vary: Some(6),
        mutation: Mutation::Sdk(Arc::new(LocaleCase)),
    }]
}
