//! Executes `corrupt_storage`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::protocol::message::Area;
use vouch_spec::step::{CorruptStorage, Corruption};

#[async_trait]
impl Execute for CorruptStorage {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let harness = |e: std::io::Error| StepError::Harness(format!("cannot damage the storage: {e}"));
        let files = world.device.storage.files(self.area).map_err(harness)?;
        // An SDK need not keep anything in plain or volatile storage; then there is nothing to trip over.
        if files.is_empty() && self.area == Area::Secure {
            return Err(StepError::Unmet {
                expected: format!("a file in {} storage (the SDK claims storageFiles)", self.area.word()),
                got: "none".into(),
            });
        }
        let all = files.len();
        let erased = match self.how {
            Corruption::Missing => 0..all,
            Corruption::FirstMissing => 0..all.min(1),
            Corruption::LastMissing => all.saturating_sub(1)..all,
            _ => 0..0,
        };
        for file in &files[erased] {
            std::fs::remove_file(file).map_err(harness)?;
        }
        for file in files {
            let damaged = match self.how {
                Corruption::Missing | Corruption::FirstMissing | Corruption::LastMissing => break,
                Corruption::Truncate => {
                    let bytes = std::fs::read(&file).map_err(harness)?;
                    bytes[..bytes.len() / 2].to_vec()
                }
                Corruption::Empty => vec![],
                Corruption::Garbage => b"\x00\xff{]garbage".repeat(4),
                Corruption::WrongShape => b"{\"schema\": 99, \"session\": []}".to_vec(),
            };
            std::fs::write(&file, damaged).map_err(harness)?;
        }
        Ok(StepResult::Done)
    }
}
