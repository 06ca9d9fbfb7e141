//! Why the device could not do what a step requested.

use super::step_result::StepError;
use crate::sut::{LaunchError, StartError, SutError};

/// Why the device could not do what a step requested.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeviceError {
    #[error(transparent)]
    Adapter(#[from] SutError),
    #[error(transparent)]
    StartError(StartError),
    /// The step is not possible in the present state.
    #[error("{0}")]
    Scenario(String),
    #[error("the device's storage failed: {0}")]
    Io(#[from] std::io::Error),
}

impl From<LaunchError> for DeviceError {
    fn from(error: LaunchError) -> Self {
        match error {
            LaunchError::Start(error) => DeviceError::StartError(error),
            LaunchError::Adapter(error) => DeviceError::Adapter(error),
        }
    }
}

impl From<DeviceError> for StepError {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Adapter(error) => StepError::Adapter(error),
            DeviceError::Scenario(what) => StepError::Scenario(what),
            DeviceError::StartError(_) | DeviceError::Io(_) => StepError::Harness(error.to_string()),
        }
    }
}
