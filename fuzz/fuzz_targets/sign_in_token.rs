//! Any text as a sign-in token; what comes of it is never longer than what went in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vouch_sim::reference::sdk::policy::DefaultSdkPolicy;
use vouch_sim::reference::sdk::token::SignInToken;

fuzz_target!(|text: &str| {
    if let Ok(token) = SignInToken::parse(text, &DefaultSdkPolicy) {
        assert!(token.jwt.expose().len() <= text.len(), "a JWT out of nothing");
        assert!(!format!("{token:?}").contains(token.jwt.expose()), "a token that prints itself");
    }
});
