//! SDK mutants that show when a sign-in is cancelled.

use super::{NetworkResult, refuse, sdk_policy};
use crate::mutant::mutants;
use crate::reference::sdk::SdkError;
use crate::reference::sdk::policy::{DefaultSdkPolicy, SdkPolicy, SignInPlan, TokenSet};
use crate::reference::sdk::ports::HttpResponse;
use crate::reference::sdk::record::Record;
use crate::reference::sdk::token::SignInToken;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use vouch_spec::profile::{IdpCall, IdpRequest, Profile};
use vouch_spec::protocol::{ErrorKind, StatusWord};

mutants! { SdkPolicy, sdk_policy;
    FinishesCancelled "finishes-cancelled-sign-in" breaks "EXC-10": "Completes a sign-in that it reported as cancelled" {
        fn finishes_cancelled_sign_ins(&self) -> bool {
            true
        }
    }
    SignedInEarly[under_way: AtomicBool] "signed-in-when-cancelled" breaks "EXC-5": "Reports a user whose sign-in is under way as signed in, also when it was cancelled" {
        fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> IdpRequest {
            self.under_way.store(true, Relaxed);
            DefaultSdkPolicy.exchange_request(profile, token)
        }
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            self.under_way.store(false, Relaxed);
            DefaultSdkPolicy.tokens(profile, call, answer)
        }
        fn exchange_failure(&self, profile: &Profile, answer: &NetworkResult) -> SdkError {
            self.under_way.store(false, Relaxed);
            DefaultSdkPolicy.exchange_failure(profile, answer)
        }
        fn status(&self, record: Option<&Record>) -> Vec<StatusWord> {
            match record {
                None if self.under_way.load(Relaxed) => {
                    vec![StatusWord::Configured, StatusWord::SignedIn, StatusWord::UseSignInToken]
                }
                record => DefaultSdkPolicy.status(record),
            }
        }
    }
    BlockedWhenCancelled[under_way: AtomicBool] "cancelled-sign-in-blocks" breaks "EXC-5": "Refuses every sign-in after a cancelled one" {
        fn plan_sign_in(&self, current: Option<&Record>, token: &SignInToken, now_ms: i64) -> SignInPlan {
            match self.under_way.load(Relaxed) {
                true => refuse(ErrorKind::AlreadySignedIn, "a sign-in is under way"),
                false => DefaultSdkPolicy.plan_sign_in(current, token, now_ms),
            }
        }
        fn exchange_request(&self, profile: &Profile, token: &SignInToken) -> IdpRequest {
            self.under_way.store(true, Relaxed);
            DefaultSdkPolicy.exchange_request(profile, token)
        }
        fn tokens(&self, profile: &Profile, call: IdpCall, answer: &HttpResponse) -> Option<TokenSet> {
            self.under_way.store(false, Relaxed);
            DefaultSdkPolicy.tokens(profile, call, answer)
        }
        fn exchange_failure(&self, profile: &Profile, answer: &NetworkResult) -> SdkError {
            self.under_way.store(false, Relaxed);
            DefaultSdkPolicy.exchange_failure(profile, answer)
        }
    }
}
