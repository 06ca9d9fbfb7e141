//! Why a device could not do what a step asked.

use crate::sut::{StartError, SutError};

/// Why the device could not do what a step asked.
pub(super) enum DeviceError {
    Adapter(SutError),
    StartError(StartError),
    /// The scenario asks for what makes no sense now.
    Scenario(String),
    Io(std::io::Error),
}

impl From<SutError> for DeviceError {
    fn from(trouble: SutError) -> Self {
        DeviceError::Adapter(trouble)
    }
}

impl From<std::io::Error> for DeviceError {
    fn from(error: std::io::Error) -> Self {
        DeviceError::Io(error)
    }
}
