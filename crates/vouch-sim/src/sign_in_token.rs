//! Sign-in tokens as clients see them: taken apart for an exchange.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

pub use crate::forgery::forge;

/// What an exchange sends of a sign-in token.
pub struct TokenParts {
    pub jwt: String,
    pub public_key: String,
    pub tenant: String,
    pub team: String,
}

impl TokenParts {
    /// The parts of a token, however broken it is.
    pub fn of(token: &str) -> Self {
        let envelope: Value =
            STANDARD.decode(token).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        let field = |name: &str| envelope.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let jwt = if field("user_token").is_empty() { token.to_owned() } else { field("user_token") };
        let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(&jwt).unwrap_or_default();
        let claim = |pointer: &str| claims.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (tenant, team) = (claim("/tenant_id"), claim("/claims/vital_team_id"));
        Self { public_key: field("public_key"), jwt, tenant, team }
    }
}

/// Whether a token has the form of a signed JWT.
pub fn is_jwt(token: &str) -> bool {
    token.split('.').count() == 3 && jsonwebtoken::decode_header(token).is_ok()
}
