//! Stored installations: what an earlier build of an SDK left on its device, so that an update can be tested without that build.
//! A folder of them, one for each release, is a museum.
//!
//! A stored installation is a folder with the file `installation.json` and one folder for each state, with the storage areas in
//! it. It holds tokens and keys of a mock cloud, which another mock cloud adopts, and no secret of anybody else.
//!
//! It knows files. It must not know which scenario starts from them.

mod read;
mod write;

pub use read::{MuseumError, StoredInstallation};
pub(crate) use write::copy_areas;
pub use write::{Captured, write};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use vouch_spec::protocol::message::SdkName;
use vouch_spec::protocol::{Environment, Realm, Region};

/// The version of the format, raised on every incompatible change.
pub const FORMAT: u64 = 1;
/// The file that describes a stored installation.
pub const DESCRIPTION: &str = "installation.json";
/// The largest number of files of a state, and their largest size together, in bytes.
const MAX_FILES: usize = 10_000;
const MAX_BYTES: u64 = 256 << 20;

/// A state in which an installation was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InstallationState {
    /// Signed in with a sign-in token.
    SignedIn,
    /// Signed in with the API key.
    SignedInWithApiKey,
    /// The user signed out.
    SignedOut,
}

impl InstallationState {
    /// Every state, in the order in which they are captured.
    pub const ALL: [Self; 3] = [Self::SignedIn, Self::SignedInWithApiKey, Self::SignedOut];

    /// The name of its folder.
    pub fn word(self) -> &'static str {
        match self {
            InstallationState::SignedIn => "signedIn",
            InstallationState::SignedInWithApiKey => "signedInWithApiKey",
            InstallationState::SignedOut => "signedOut",
        }
    }
}

impl fmt::Display for InstallationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What is known of a stored installation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// See [`FORMAT`].
    pub format: u64,
    /// How the build described itself.
    pub build: SdkName,
    /// What a person wrote about it, for example the format of its storage.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// When it was captured, as RFC 3339 in UTC.
    pub captured_at: String,
    /// The version of Vouch that captured it.
    pub vouch: String,
    /// The wire profile that the build spoke.
    pub profile: String,
    pub environment: Environment,
    pub region: Region,
    pub states: BTreeMap<InstallationState, StoredState>,
}

impl Description {
    /// The environment and region of the user.
    pub fn realm(&self) -> Realm {
        Realm { environment: self.environment, region: self.region }
    }
}

/// One state of an installation, with what a mock cloud must know to go on with it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredState {
    /// The time of the device when it was stored, in milliseconds since 1970.
    pub captured_ms: i64,
    /// The digest of the files: SHA-256 over a list of digests and paths, as of a build; see docs/certificates.md.
    pub sha256: String,
    pub user: StoredUser,
    pub team: StoredTeam,
    /// The tokens that the installation holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<StoredSession>,
}

impl fmt::Debug for StoredState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredState").field("captured_ms", &self.captured_ms).finish_non_exhaustive()
    }
}

/// The vendor user of an installation.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredUser {
    pub id: String,
}

/// The team of the user, in the mock cloud.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredTeam {
    pub id: String,
    pub api_key: String,
    pub tenant: String,
}

/// The session of an installation, in the mock cloud.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredSession {
    pub access_token: String,
    /// In milliseconds since 1970.
    pub access_token_expires_ms: i64,
    pub refresh_token: String,
}
