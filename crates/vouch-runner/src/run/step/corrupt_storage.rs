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
        for (number, file) in files.into_iter().enumerate() {
            let is_erased = match self.how {
                Corruption::Missing => true,
                Corruption::FirstMissing => number == 0,
                Corruption::LastMissing => number + 1 == all,
                _ => false,
            };
            if is_erased {
                std::fs::remove_file(&file).map_err(harness)?;
            }
            if matches!(self.how, Corruption::Missing | Corruption::FirstMissing | Corruption::LastMissing) {
                continue;
            }
            let bytes = std::fs::read(&file).map_err(harness)?;
            let damaged = match self.how {
                Corruption::Truncate => bytes[..bytes.len() / 2].to_vec(),
                Corruption::Empty => vec![],
                Corruption::Garbage => b"\x00\xff{]garbage".repeat(4),
                _ => b"{\"schema\": 99, \"session\": []}".to_vec(),
            };
            std::fs::write(&file, damaged).map_err(harness)?;
        }
        Ok(StepResult::Done)
    }
}
