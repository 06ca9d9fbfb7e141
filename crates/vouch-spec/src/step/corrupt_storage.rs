//! `corruptStorage`: files of the SDK are damaged while the app does not run.

use super::StepFields;
use crate::protocol::Capability;
use crate::protocol::message::Area;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CorruptStorage {
    pub how: Corruption,
    #[serde(default = "secure")]
    pub area: Area,
}

fn secure() -> Area {
    Area::Secure
}

#[derive(Clone, Debug, PartialEq, Eq, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Corruption {
    /// Half of every file is gone.
    Truncate,
    Empty,
    Garbage,
    /// Well-formed, but not what the SDK wrote.
    WrongShape,
    /// Every file is gone.
    Missing,
    /// The first file is gone, in the order of names; the others are kept.
    FirstMissing,
    /// The last file is gone, in the order of names; the others are kept.
    LastMissing,
}

impl Corruption {
    pub fn words(self) -> &'static str {
        match self {
            Corruption::Truncate => "cut in half",
            Corruption::Empty => "emptied",
            Corruption::Garbage => "overwritten with garbage",
            Corruption::WrongShape => "replaced by other JSON",
            Corruption::Missing => "erased",
            Corruption::FirstMissing => "without its first file",
            Corruption::LastMissing => "without its last file",
        }
    }
}

impl StepFields for CorruptStorage {
    const NAME: &str = "corruptStorage";
    const ABOUT: &str = "Damages the files of a storage area.";
    const NEEDS: &[Capability] = &[Capability::StorageFiles];

    fn describe(&self) -> String {
        format!("the {} storage is damaged ({})", self.area.word(), self.how.words())
    }
}
