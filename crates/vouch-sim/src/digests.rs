//! Digests of a text that careless backends use as a credential.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

/// The MD5, SHA-1 and SHA-256 digests of some bytes, with their names.
pub fn digests(bytes: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    [
        ("MD5", md5(bytes).to_vec()),
        ("SHA-1", digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()),
        ("SHA-256", digest(&SHA256, bytes).as_ref().to_vec()),
    ]
}

/// RFC 1321. It protects nothing here.
fn md5(bytes: &[u8]) -> [u8; 16] {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut message = bytes.to_vec();
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    message.extend((bytes.len() as u64 * 8).to_le_bytes());
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in message.chunks_exact(64) {
        let words: Vec<u32> =
            block.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64_u32 {
            let at = step as usize;
            let (mix, word) = match at / 16 {
                0 => ((b & c) | (!b & d), at),
                1 => ((d & b) | (!d & c), (5 * at + 1) % 16),
                2 => (b ^ c ^ d, (3 * at + 5) % 16),
                _ => (c ^ (b | !d), 7 * at % 16),
            };
            let sum = a.wrapping_add(mix).wrapping_add(constant(step)).wrapping_add(words[word]);
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(SHIFTS[at / 16][at % 4]));
        }
        for (old, new) in state.iter_mut().zip([a, b, c, d]) {
            *old = old.wrapping_add(new);
        }
    }
    let mut out = [0; 16];
    for (place, word) in out.chunks_exact_mut(4).zip(state) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    out
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2^32 by its definition")]
fn constant(step: u32) -> u32 {
    (f64::from(step + 1).sin().abs() * 4_294_967_296.0) as u32
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
