//! Ed25519 keys in PEM files: PKCS#8 for the private key (RFC 8410), `SubjectPublicKeyInfo` for the public key.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use vouch_runner::record::{hex, sha256};

/// What precedes the 32 bytes of an Ed25519 key in a `SubjectPublicKeyInfo` (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// No PEM file of an Ed25519 key is longer, in bytes.
const MAX_PEM: u64 = 64 << 10;

/// Why a key cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or written.
    #[error("cannot {action} the key {}: {error}", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system reports.
        error: io::Error,
    },
    /// A key would be lost.
    #[error("{} exists already; choose another name, because a key that is overwritten is lost", .0.display())]
    Exists(PathBuf),
    /// Other users can read the private key.
    #[error("other users can read the private key {}; run `chmod 600 {}`, or make a new key", .0.display(), .0.display())]
    Readable(PathBuf),
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set; it must hold the private key as PEM")]
    NoVariable(String),
    /// The text is not a key of this kind.
    #[error("{from}: {what}; `vouch keygen FILE` makes a private key, and FILE.pub is its public key")]
    Malformed {
        /// Where the text comes from.
        from: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The random generator or the cryptographic library failed.
    #[error("the cryptographic library failed")]
    Crypto,
}

/// A private key.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        Ed25519KeyPair::generate().map(Self).map_err(|_| KeyError::Crypto)
    }

    /// Reads a private key: from `env:NAME`, from standard input (`-`), or from a file that only its owner can read.
    ///
    /// # Errors
    /// If it cannot be read, other users can read it, or it is not an Ed25519 key.
    pub fn read(source: &str) -> Result<Self, KeyError> {
        if let Some(name) = source.strip_prefix("env:") {
            let text = std::env::var(name).map_err(|_| KeyError::NoVariable(name.to_owned()))?;
            return Self::parse(&text, source);
        }
        if source == "-" {
            let mut text = String::new();
            let read = io::stdin().take(MAX_PEM).read_to_string(&mut text);
            read.map_err(|error| KeyError::Io { action: "read", path: source.into(), error })?;
            return Self::parse(&text, "standard input");
        }
        let (text, file) = read_text(Path::new(source))?;
        let mode = file.metadata().map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            return Err(KeyError::Readable(source.into()));
        }
        Self::parse(&text, source)
    }

    fn parse(text: &str, from: &str) -> Result<Self, KeyError> {
        let malformed = |what| KeyError::Malformed { from: from.to_owned(), what };
        let pem = pem::parse(text).map_err(|_| malformed("this is not a PEM text"))?;
        if pem.tag() != "PRIVATE KEY" {
            return Err(malformed("this is not an unencrypted private key in PKCS#8 (BEGIN PRIVATE KEY)"));
        }
        let key = Ed25519KeyPair::from_pkcs8(pem.contents());
        key.map(Self).map_err(|_| malformed("this is not an Ed25519 key"))
    }

    /// The key as PEM.
    ///
    /// # Errors
    /// If the cryptographic library fails.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let der = self.0.to_pkcs8v1().map_err(|_| KeyError::Crypto)?;
        Ok(to_pem("PRIVATE KEY", der.as_ref()))
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.public_key().as_ref().to_vec())
    }

    /// Signs a message.
    ///
    /// # Errors
    /// If the cryptographic library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(self.0.try_sign(message).map_err(|_| KeyError::Crypto)?.as_ref().to_vec())
    }
}

/// A public key: 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Reads a public key file.
    ///
    /// # Errors
    /// If it cannot be read or is not an Ed25519 public key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        Self::parse(&read_text(path)?.0, &path.display().to_string())
    }

    fn parse(text: &str, from: &str) -> Result<Self, KeyError> {
        let malformed = |what| KeyError::Malformed { from: from.to_owned(), what };
        let pem = pem::parse(text).map_err(|_| malformed("this is not a PEM text"))?;
        if pem.tag() != "PUBLIC KEY" {
            return Err(malformed("this is not a public key (BEGIN PUBLIC KEY)"));
        }
        let key = pem.contents().strip_prefix(&SPKI_PREFIX[..]).filter(|key| key.len() == 32);
        Ok(Self(key.ok_or_else(|| malformed("this is not an Ed25519 key"))?.to_vec()))
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> String {
        to_pem("PUBLIC KEY", &[&SPKI_PREFIX[..], &self.0].concat())
    }

    /// The id of the key, as securesystemslib makes it: SHA-256 of the canonical JSON of its type, value and scheme.
    pub fn id(&self) -> String {
        let json = format!(r#"{{"keytype":"ed25519","keyval":{{"public":"{}"}},"scheme":"ed25519"}}"#, hex(&self.0));
        sha256(json.as_bytes())
    }

    /// Whether the signature is that of the message under this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

/// Writes a new key: the private key with mode 0600, the public key beside it as `FILE.pub`. Returns the public key and its
/// path.
///
/// # Errors
/// If one of the files exists or cannot be written.
pub fn write_key_pair(key: &SigningKey, path: &Path) -> Result<PathBuf, KeyError> {
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    let public = PathBuf::from(public);
    if public.exists() {
        return Err(KeyError::Exists(public));
    }
    create(path, 0o600, &key.to_pem()?)?;
    create(&public, 0o644, &key.public_key().to_pem())?;
    Ok(public)
}

fn create(path: &Path, mode: u32, text: &str) -> Result<(), KeyError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
        _ => KeyError::Io { action: "write", path: path.to_owned(), error },
    })
}

fn read_text(path: &Path) -> Result<(String, File), KeyError> {
    let failed = |error| KeyError::Io { action: "read", path: path.to_owned(), error };
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a file")));
    }
    let file = File::open(path).map_err(failed)?;
    let mut text = String::new();
    (&file).take(MAX_PEM).read_to_string(&mut text).map_err(failed)?;
    Ok((text, file))
}

fn to_pem(tag: &str, der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(tag, der), config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_after_writing_and_reading() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key.pem");
        let key = SigningKey::generate().expect("a key");
        let public = write_key_pair(&key, &path).expect("written");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert!(matches!(write_key_pair(&key, &path), Err(KeyError::Exists(_))), "a key is not overwritten");
        let read = SigningKey::read(path.to_str().expect("UTF-8")).expect("readable");
        let public = PublicKey::read(&public).expect("readable");
        assert_eq!(public, key.public_key());
        let signature = read.sign(b"message").expect("signed");
        assert!(public.verifies(b"message", &signature));
        assert!(!public.verifies(b"massage", &signature));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("changed");
        assert!(matches!(SigningKey::read(path.to_str().expect("UTF-8")), Err(KeyError::Readable(_))));
    }

    #[test]
    fn other_texts_are_not_keys() {
        let key = SigningKey::generate().expect("a key");
        let (private, public) = (key.to_pem().expect("PEM"), key.public_key().to_pem());
        assert!(matches!(SigningKey::parse(&public, "x"), Err(KeyError::Malformed { .. })));
        assert!(matches!(PublicKey::parse(&private, "x"), Err(KeyError::Malformed { .. })));
        assert!(matches!(PublicKey::parse("", "x"), Err(KeyError::Malformed { .. })));
        let short = to_pem("PUBLIC KEY", &SPKI_PREFIX);
        assert!(matches!(PublicKey::parse(&short, "x"), Err(KeyError::Malformed { .. })));
        // The test vector 1 of RFC 8032, as RFC 8410 writes keys.
        let text = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        assert_eq!(PublicKey::parse(text, "RFC 8410, section 10.1").expect("a key").to_pem(), text);
    }
}
