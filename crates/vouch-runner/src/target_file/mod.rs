//! The target file (`vouch.toml`): who sits on which seat. See `docs/targets.md`.
//!
//! It knows how seats are filled, not what is tried on them.

mod file;
mod settle;

pub use file::TargetFile;

use vouch_spec::profile::Profile;
use vouch_spec::protocol::Seat;
use crate::sut::{AppSeat, BackendSeat, CloudSpec, Deadlines, SdkSeat};
use vouch_spec::text::{Decoder, Problem, Source, toml};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a target file fills. Seats that are none are built in.
#[derive(Clone)]
pub struct Target {
    pub sdk: Option<(String, SdkSeat)>,
    pub app: Option<(String, AppSeat)>,
    pub backend: Option<(String, BackendSeat)>,
    pub cloud: Option<CloudSpec>,
    pub profile: Option<Arc<Profile>>,
    pub deadlines: Deadlines,
    /// How long parts wait for one HTTP answer, in real time.
    pub request_timeout: Duration,
    pub snapshots: Option<PathBuf>,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            sdk: None,
            app: None,
            backend: None,
            cloud: None,
            profile: None,
            deadlines: Deadlines::default(),
            request_timeout: Duration::from_secs(2),
            snapshots: None,
        }
    }
}

impl Target {
    /// Reads a target file. All that is wrong is told together.
    pub fn parse(source: &Source) -> Result<Self, Vec<Problem>> {
        let (tree, mut problems) = toml::parse(source);
        let decoder = Decoder::new(source);
        let file: Option<TargetFile> = if problems.is_empty() { decoder.decode(&tree) } else { None };
        let target = file.map(|file| settle::settle(file, &decoder));
        if let Some(target) = &target
            && target.seats().is_empty()
            && tree.as_map().is_some_and(|entries| {
                entries.iter().all(|(key, _)| {
                    !Seat::WORDS.contains(&key.name.as_str()) && key.name != "cloud" && key.name != "profile"
                })
            })
        {
            decoder.wrong(
                tree.span,
                "this target file fills no seat",
                "add [sdk], [app], [backend], [cloud] or a profile",
            );
        }
        problems.extend(decoder.finish());
        target.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// The seats that it fills, in groups that are filled together.
    pub fn seats(&self) -> Vec<&'static [Seat]> {
        let mut seats: Vec<&'static [Seat]> = Vec::new();
        if self.sdk.is_some() {
            seats.push(&[Seat::Sdk]);
        }
        if self.app.is_some() {
            seats.push(&[Seat::App]);
        }
        if self.backend.is_some() {
            seats.push(&[Seat::Backend]);
        }
        if self.cloud.is_some() {
            seats.push(&[Seat::Api, Seat::Idp]);
        }
        seats
    }
}
