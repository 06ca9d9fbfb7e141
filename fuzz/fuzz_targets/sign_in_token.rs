//! Parses any text as a sign-in token: the JWT is never longer than the input, and the token does not print itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vouch_sim::reference::sdk::policy::DefaultSdkPolicy;
use vouch_sim::reference::sdk::token::SignInToken;

fuzz_target!(|text: &str| {
    if let Ok(token) = SignInToken::parse(text, &DefaultSdkPolicy) {
        assert!(token.jwt.expose().len() <= text.len(), "the JWT is longer than the input");
        assert!(!format!("{token:?}").contains(token.jwt.expose()), "the token prints itself");
    }
});
