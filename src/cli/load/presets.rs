//! The load files that the program brings along. Each is a file in `loads/presets`.

use clap::ValueEnum;
use vouch_spec::text::Source;

/// A load file of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// One sign-in for five refreshes, 60/s, 1 minute.
    LoginRefresh,
    /// The morning: launches rise from 10/s to 100/s in 2 minutes.
    LaunchWave,
    /// 2000 access tokens end within 5 s.
    ExpiryStorm,
    /// Installations with API keys migrate, 5/s to 80/s, 2 minutes.
    MigrationDay,
    /// The provider is down for 60 s, and everyone returns, 2.5 minutes.
    OutageReturn,
    /// Sign-ins, refreshes and launches, 50/s, 1 hour.
    Soak,
}

impl Preset {
    /// The load file.
    pub fn source(self) -> Source {
        let (name, text) = match self {
            Preset::LoginRefresh => ("login-refresh", include_str!("../../../loads/presets/login-refresh.yaml")),
            Preset::LaunchWave => ("launch-wave", include_str!("../../../loads/presets/launch-wave.yaml")),
            Preset::ExpiryStorm => ("expiry-storm", include_str!("../../../loads/presets/expiry-storm.yaml")),
            Preset::MigrationDay => ("migration-day", include_str!("../../../loads/presets/migration-day.yaml")),
            Preset::OutageReturn => ("outage-return", include_str!("../../../loads/presets/outage-return.yaml")),
            Preset::Soak => ("soak", include_str!("../../../loads/presets/soak.yaml")),
        };
        Source::new(format!("loads/presets/{name}.yaml"), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vouch_load::{LoadFile, Overrides};

    #[test]
    fn every_preset_is_a_load_that_can_be_made() {
        for preset in Preset::value_variants() {
            let file = LoadFile::parse(&preset.source()).unwrap_or_else(|wrong| panic!("{preset:?}: {wrong:?}"));
            let load = file.resolve(&Overrides::default(), None).unwrap_or_else(|wrong| panic!("{preset:?}: {wrong}"));
            assert!(load.thresholds.len() >= 2, "{preset:?} has criteria of its own");
        }
    }
}
