//! DSSE envelopes (<https://github.com/secure-systems-lab/dsse>, version 1.0.2).

use crate::key::{KeyError, PublicKey, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};

/// The type of the payload: an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A payload with signatures.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload_type: String,
    /// In base64.
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Signature {
    #[serde(default)]
    keyid: String,
    /// In base64.
    sig: String,
}

/// Why an envelope does not show its payload.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// It is not JSON, or lacks a field.
    #[error("this is not a DSSE envelope: {0}")]
    Malformed(String),
    /// The payload is something else.
    #[error("the payload type is `{0}`, and a certificate has `{PAYLOAD_TYPE}`")]
    PayloadType(String),
    /// No signature is by the key.
    #[error("none of its {count} signatures verifies with the key {key}; it names the keys {named}")]
    NotSigned {
        /// The number of signatures.
        count: usize,
        /// The id of the key that was given.
        key: String,
        /// The ids of the keys that it names.
        named: String,
    },
}

impl Envelope {
    /// Signs a payload.
    ///
    /// # Errors
    /// If the cryptographic library fails.
    pub fn sign(payload: &[u8], key: &SigningKey) -> Result<Self, KeyError> {
        let sig = STANDARD.encode(key.sign(&pre_authentication_encoding(PAYLOAD_TYPE, payload))?);
        Ok(Self {
            payload_type: PAYLOAD_TYPE.into(),
            payload: STANDARD.encode(payload),
            signatures: vec![Signature { keyid: key.public_key().id(), sig }],
        })
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// If it is not one.
    pub fn parse(text: &[u8]) -> Result<Self, EnvelopeError> {
        serde_json::from_slice(text).map_err(|error| EnvelopeError::Malformed(error.to_string()))
    }

    /// The payload, if a signature over exactly these bytes is by the key.
    ///
    /// # Errors
    /// If none is, or it is not an envelope of a statement.
    pub fn verified_payload(&self, key: &PublicKey) -> Result<Vec<u8>, EnvelopeError> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType(self.payload_type.clone()));
        }
        let payload = decode(&self.payload)?;
        let message = pre_authentication_encoding(&self.payload_type, &payload);
        for signature in &self.signatures {
            // The key id is a hint that is not signed: it decides nothing.
            if key.verifies(&message, &decode(&signature.sig)?) {
                return Ok(payload);
            }
        }
        let named: Vec<_> = self.signatures.iter().map(|signature| signature.keyid.as_str()).collect();
        Err(EnvelopeError::NotSigned { count: self.signatures.len(), key: key.id(), named: named.join(", ") })
    }
}

fn decode(text: &str) -> Result<Vec<u8>, EnvelopeError> {
    let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
    decoded.map_err(|error| EnvelopeError::Malformed(format!("base64: {error}")))
}

/// What is signed: `DSSEv1`, then length and bytes of type and payload.
fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        // The example of protocol.md.
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn only_the_signed_bytes_and_the_signing_key_verify() {
        let (key, other) = (SigningKey::generate().expect("a key"), SigningKey::generate().expect("a key"));
        let envelope = Envelope::sign(b"{}", &key).expect("signed");
        assert_eq!(envelope.verified_payload(&key.public_key()).expect("verified"), b"{}");
        assert!(matches!(envelope.verified_payload(&other.public_key()), Err(EnvelopeError::NotSigned { .. })));
        let changed = Envelope { payload: STANDARD.encode("{ }"), ..envelope.clone() };
        assert!(matches!(changed.verified_payload(&key.public_key()), Err(EnvelopeError::NotSigned { .. })));
        let retyped = Envelope { payload_type: "text/plain".into(), ..envelope.clone() };
        assert!(matches!(retyped.verified_payload(&key.public_key()), Err(EnvelopeError::PayloadType(_))));
        let unsigned = Envelope { signatures: vec![], ..envelope };
        assert!(matches!(unsigned.verified_payload(&key.public_key()), Err(EnvelopeError::NotSigned { count: 0, .. })));
    }
}
