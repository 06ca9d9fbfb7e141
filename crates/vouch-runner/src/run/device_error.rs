//! Why a device could not do what a step asked.

use crate::sut::{CannotStart, Trouble};

/// Why the device could not do what a step asked.
pub(super) enum DeviceError {
    Adapter(Trouble),
    CannotStart(CannotStart),
    /// The scenario asks for what makes no sense now.
    Scenario(String),
    Io(std::io::Error),
}

impl From<Trouble> for DeviceError {
    fn from(trouble: Trouble) -> Self {
        DeviceError::Adapter(trouble)
    }
}

impl From<std::io::Error> for DeviceError {
    fn from(error: std::io::Error) -> Self {
        DeviceError::Io(error)
    }
}
