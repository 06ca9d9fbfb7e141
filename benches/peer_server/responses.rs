//! The responses of the API and the identity provider for one user.

use crate::http1;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::io::Write;

/// The number at the end of a refresh token, in hexadecimal digits.
const NUMBER_LENGTH: usize = 16;
const USER: &str = "5c5b8a52-9f4d-4b2e-9f4a-0000000000aa";

/// The JSON bodies of the responses.
pub struct Responses {
    pub user: Vec<u8>,
    pub sign_in_token: Vec<u8>,
    /// The head of a token response over HTTP/1.1.
    pub grant_head: Vec<u8>,
    grant_start: Vec<u8>,
    grant_end: &'static [u8],
}

impl Responses {
    pub fn new() -> Self {
        let claims = format!(
            r#"{{"iss":"https://auth.production.us.peer","sub":"{USER}","env":"production","region":"us","iat":1767225600,"exp":4102444800,"jti":"0123456789abcdef0123456789abcdef"}}"#
        );
        let grant =
            format!(r#"{{"access_token":"{}","refresh_token":"peer-refresh-token-of-the-usual-length-"#, jwt(&claims));
        let grant_end = br#"","expires_in":3600,"token_type":"Bearer"}"#;
        Self {
            grant_head: http1::head(grant.len() + NUMBER_LENGTH + grant_end.len()),
            user: format!(r#"{{"user_id":"{USER}","client_user_id":"peer"}}"#).into_bytes(),
            sign_in_token: sign_in_token().into_bytes(),
            grant_start: grant.into_bytes(),
            grant_end,
        }
    }

    /// The length of a token response in bytes, which is the same for all.
    pub fn grant_length(&self) -> usize {
        self.grant_start.len() + NUMBER_LENGTH + self.grant_end.len()
    }

    /// Writes a token response whose refresh token ends with a number.
    pub fn write_grant(&self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.grant_start);
        // Writing into memory does not fail.
        let _ = write!(out, "{number:016x}");
        out.extend_from_slice(self.grant_end);
    }
}

fn jwt(claims: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
    // The length of an RS256 signature.
    format!("{header}.{}.{}", URL_SAFE_NO_PAD.encode(claims), URL_SAFE_NO_PAD.encode([7_u8; 256]))
}

fn sign_in_token() -> String {
    let issuer = "id-signer-prd-us@vital-id-prd-us.iam.gserviceaccount.com";
    let claims = format!(
        r#"{{"iss":"{issuer}","sub":"{issuer}","uid":"{USER}","tenant_id":"tenant-peer","claims":{{"vital_team_id":"{USER}"}},"iat":1767225600,"exp":4102444800}}"#
    );
    let token = STANDARD.encode(format!(r#"{{"public_key":"public-tenant-peer","user_token":"{}"}}"#, jwt(&claims)));
    format!(r#"{{"user_id":"{USER}","client_user_id":"peer","sign_in_token":"{token}"}}"#)
}
