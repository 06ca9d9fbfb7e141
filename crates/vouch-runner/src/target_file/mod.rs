//! The target file (`vouch.toml`): which implementation fills which role. See `docs/targets.md`.
//!
//! It knows how roles are filled. It must not know what is tested.

mod cloud_system;
mod fields;
mod file;
mod resolve;
mod sdk;
mod tls;

pub use file::TargetFile;

use crate::sut::{AppRole, BackendRole, CloudSpec, Deadlines, SdkRole};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use vouch_spec::profile::{Profile, Rotation};
use vouch_spec::protocol::Role;
use vouch_spec::text::{Decoder, Diagnostic, Key, Node, NodeKind, Source, toml};

/// The build of the SDK before the one under test, which can be started.
#[derive(Clone)]
pub struct PreviousSdk {
    pub role: SdkRole,
    /// The wire profile that it speaks, where that is not the one of the build under test.
    pub profile: Option<Arc<Profile>>,
}

/// A resolved target file. A role that is `None` is filled by its reference implementation.
#[derive(Clone)]
pub struct Target {
    pub sdk: Option<(String, SdkRole)>,
    /// The build of the SDK before the one under test.
    pub previous: Option<PreviousSource>,
    /// Files and folders of the SDK's adapter, which are not the SDK's.
    pub adapter_files: Vec<PathBuf>,
    pub app: Option<(String, AppRole)>,
    pub backend: Option<(String, BackendRole)>,
    pub cloud: Option<CloudSpec>,
    pub profile: Option<Arc<Profile>>,
    pub deadlines: Deadlines,
    /// The timeout of HTTP requests between the roles, in real time.
    pub request_timeout: Duration,
    /// The build under test, and the folder that it is relative to.
    pub build: Option<(String, PathBuf)>,
    /// The file of waivers of this target.
    pub waivers: Option<PathBuf>,
    /// The folder of the wire snapshots of this target.
    pub snapshots: Option<PathBuf>,
}

/// Where the build before the one under test comes from.
#[derive(Clone)]
pub enum PreviousSource {
    Program(PreviousSdk),
    /// The folder of a stored installation.
    Stored(PathBuf),
}

impl Default for Target {
    fn default() -> Self {
        Self {
            sdk: None,
            previous: None,
            adapter_files: vec![],
            app: None,
            backend: None,
            cloud: None,
            profile: None,
            deadlines: Deadlines::default(),
            request_timeout: Duration::from_secs(2),
            build: None,
            waivers: None,
            snapshots: None,
        }
    }
}

impl Target {
    /// Parses a target file. The error contains every problem of the file.
    pub fn parse(source: &Source) -> Result<Self, Vec<Diagnostic>> {
        let (tree, mut problems) = toml::parse(source);
        let decoder = Decoder::new(source);
        let read = |tree: &Node| if problems.is_empty() { decoder.decode::<TargetFile>(tree) } else { None };
        let file = read(&tree).or_else(|| read(&readable_part(&tree, source)));
        let target = file.map(|file| resolve::resolve(file, &decoder));
        if let Some(target) = &target
            && target.roles().is_empty()
            && tree.as_map().is_some_and(|entries| {
                entries.iter().all(|(key, _)| {
                    !Role::WORDS.contains(&key.name.as_str()) && key.name != "cloud" && key.name != "profile"
                })
            })
        {
            decoder.wrong(
                tree.span,
                "this target file fills no role",
                "add [sdk], [app], [backend], [cloud] or a profile",
            );
        }
        problems.extend(decoder.finish());
        target.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// What the target file says of the rotation of refresh tokens, else what the wire profile does.
    pub fn rotation(&self, profile: &Profile) -> Option<Rotation> {
        self.cloud.as_ref().and_then(|cloud| cloud.rotation).or(profile.rotation())
    }

    /// Whether it fills any role.
    pub fn fills_a_role(&self) -> bool {
        !self.roles().is_empty()
    }

    /// The roles that it fills. Roles that one implementation fills together are in one list.
    pub fn roles(&self) -> Vec<&'static [Role]> {
        let mut roles: Vec<&'static [Role]> = Vec::new();
        if self.sdk.is_some() {
            roles.push(&[Role::Sdk]);
        }
        if self.app.is_some() {
            roles.push(&[Role::App]);
        }
        if self.backend.is_some() {
            roles.push(&[Role::Backend]);
        }
        if self.cloud.is_some() {
            roles.push(&[Role::Api, Role::Idp]);
        }
        roles
    }
}

/// The tables and values of a file that can be read, so that a mistake in one does not hide what is wrong in another.
fn readable_part(tree: &Node, source: &Source) -> Node {
    let part = |entries| Node { kind: NodeKind::Map(entries), span: tree.span };
    let entries = tree.as_map().unwrap_or_default();
    let reads =
        |entry: &&(Key, Node)| Decoder::new(source).decode::<TargetFile>(&part(vec![(*entry).clone()])).is_some();
    let mut readable: Vec<_> = entries.iter().filter(reads).cloned().collect();
    if entries.iter().any(|(key, _)| key.name == "custom") && !readable.iter().any(|(key, _)| key.name == "custom") {
        // Its mapping is there, but cannot be read.
        readable.retain(|(key, _)| key.name != "profile");
    }
    part(readable)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages about a target file.
    fn mistakes(text: &str) -> Vec<String> {
        let parsed = Target::parse(&Source::new("vouch.toml", text.to_owned()));
        parsed.err().unwrap_or_default().into_iter().map(|mistake| mistake.message).collect()
    }

    #[test]
    fn mistakes_of_different_kinds_in_different_tables_are_reported_at_once() {
        let found = mistakes(
            r#"
            profile = "gcpi"
            [sdk]
            name = 7
            command = ["sdk"]
            colour = "red"
            [deadlines]
            call = true
            [backend]
            name = "b"
            url = "not a url"
            [backend.vendor]
            listen = "0.0.0.0:1"
            apiKey = "$KEY"
            [backend.credentials]
            ada = "a"
            [backend.tokenRequest]
            request = "POST"
            token = "/token"
            "#,
        );
        let wanted = [
            "unknown field `colour`",
            "expected text (put it in quotes), found",
            "unknown wire profile `gcpi`",
            "`not a url` ",
            "`0.0.0.0:1` is not a loopback address",
            "`$KEY` is not replaced here",
            "`POST` is not a method and a path",
        ];
        for message in wanted {
            assert!(found.iter().any(|found| found.starts_with(message)), "{message} is not in {found:#?}");
        }
        assert!(found.len() > wanted.len(), "the deadline is wrong too: {found:#?}");
    }

    #[test]
    fn a_mapping_that_cannot_be_read_is_not_reported_as_missing() {
        let found = mistakes("profile = \"custom\"\n[custom]\nname = 7\n");
        assert!(!found.is_empty());
        assert!(!found.iter().any(|message| message.contains("needs its mapping")), "{found:#?}");
    }
}
