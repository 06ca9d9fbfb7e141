//! Digests of a text that careless backends use as a credential.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use md5::{Digest, Md5};

/// The MD5, SHA-1 and SHA-256 digests of some bytes, with their names.
pub fn digests(bytes: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    [
        ("MD5", Md5::digest(bytes).to_vec()),
        ("SHA-1", digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()),
        ("SHA-256", digest(&SHA256, bytes).as_ref().to_vec()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_a_known_text() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let [(_, md5), (_, sha1), (_, sha256)] = digests(b"message digest");
        assert_eq!(hex(&md5), "f96b697d7cb7938d525a2f31aaf161d0");
        assert_eq!(hex(&sha1), "c12252ceda8be8994d5fa0290a47231c1d16aae3");
        assert!(hex(&sha256).starts_with("f7846f55cf23e14e"));
        assert_eq!(hex(&digests(b"")[0].1), "d41d8cd98f00b204e9800998ecf8427e");
    }
}
