//! Treats any bytes as requests and responses on the wire: recognises, reads and redacts them. A secret never survives redaction.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use hyper::{HeaderMap, Method};
use libfuzzer_sys::fuzz_target;
use vouch_spec::profile::{BUILT_IN, IdpCall, Profile};
use vouch_sim::wire::redact::{Redactor, SecretKind};

const SECRET: &str = "s3cr3t+/=token&value";

fuzz_target!(|bytes: &[u8]| {
    let (path, body) = bytes.split_at(bytes.len().min(24));
    let path = String::from_utf8_lossy(path);
    for profile in BUILT_IN.into_iter().filter_map(Profile::built_in) {
        for path in [&*path, profile.exchange.path.as_str(), profile.refresh.path.as_str()] {
            if let Some((call, _)) = profile.recognise(&Method::POST, path, body) {
                let _ = profile.mismatch(call, &HeaderMap::new(), body);
            }
        }
        for call in [IdpCall::Exchange, IdpCall::Refresh] {
            if let Some(granted) = profile.granted(call, body, None) {
                let again = profile.answer(call, &granted, "user", None).to_string();
                assert!(profile.granted(call, again.as_bytes(), None) == Some(granted), "a response does not read back as it was written");
            }
            let _ = profile.meaning(call, body);
        }
    }
    let redactor = Redactor::default();
    redactor.secret(SecretKind::RefreshToken, SECRET);
    let text = String::from_utf8_lossy(body);
    let scrubbed = redactor.scrub(&text);
    assert!(redactor.secrets_in(scrubbed.as_str()).is_empty(), "a secret survived redaction: {scrubbed}");
    is_found_in_every_encoding(&String::from_utf8_lossy(&bytes[..bytes.len().min(24)]), &text);
});

/// Any secret is found between any texts.
fn is_found_in_every_encoding(secret: &str, after: &str) {
    // Shorter secrets are not searched for in encoded form.
    if secret.len() < 8 {
        return;
    }
    let redactor = Redactor::default();
    redactor.secret(SecretKind::RefreshToken, secret);
    let hex: String = secret.bytes().map(|byte| format!("{byte:02X}")).collect();
    for before in ["", "x", "xy"] {
        let text = format!("{before}{secret}{after}");
        let hex = format!("{before}{hex}{after}");
        for written in [STANDARD.encode(&text), URL_SAFE.encode(&text), hex, text] {
            assert!(!redactor.secrets_in(&written).is_empty(), "{secret:?} is not found in {written:?}");
        }
    }
}
