//! `damageStorage`: files of the SDK are damaged while the app does not run.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::Capability;
use vouch_spec::protocol::message::Area;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CorruptStorage {
    how: How,
    #[serde(default = "secure")]
    area: Area,
}

pub(super) const KIND: StepKind =
    StepKind::new::<CorruptStorage>("corruptStorage", "Damages the files of a storage area.")
        .needs(&[Capability::StorageFiles]);

#[async_trait]
impl Step for CorruptStorage {
    fn words(&self) -> String {
        format!("the {} storage is damaged ({})", self.area.word(), self.how.words())
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let harness = |e: std::io::Error| StepError::Harness(format!("cannot damage the storage: {e}"));
        let files = world.device.storage.files(self.area).map_err(harness)?;
        // An SDK need not keep anything in plain or volatile storage; then there is nothing to trip over.
        if files.is_empty() && self.area == Area::Secure {
            return Err(StepError::Unmet {
                expected: format!("a file in {} storage (the SDK claims storageFiles)", self.area.word()),
                got: "none".into(),
            });
        }
        for file in files {
            let bytes = std::fs::read(&file).map_err(harness)?;
            let damaged = match self.how {
                How::Truncate => bytes[..bytes.len() / 2].to_vec(),
                How::Empty => vec![],
                How::Garbage => b"\x00\xff{]garbage".repeat(4),
                How::WrongShape => b"{\"schema\": 99, \"session\": []}".to_vec(),
            };
            std::fs::write(&file, damaged).map_err(harness)?;
        }
        Ok(StepResult::Done)
    }
}

fn secure() -> Area {
    Area::Secure
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum How {
    /// Half of every file is gone.
    Truncate,
    Empty,
    Garbage,
    /// Well-formed, but not what the SDK wrote.
    WrongShape,
}

impl How {
    fn words(self) -> &'static str {
        match self {
            How::Truncate => "cut in half",
            How::Empty => "emptied",
            How::Garbage => "overwritten with garbage",
            How::WrongShape => "replaced by other JSON",
        }
    }
}
