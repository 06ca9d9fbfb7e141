//! Starts a case from what the previous build left on its device, without that build.

use super::device_storage::DeviceStorage;
use super::plan::{PlannedCase, StoredStart};
use super::role_setup::{PreviousBuild, RoleSetup};
use super::step_result::StepError;
use super::vendor::Vendor;
use crate::museum::{MuseumError, StoredInstallation, StoredState};
use std::io;
use std::sync::Arc;
use vouch_sim::mock_cloud::{SessionTokens, Team};
use vouch_spec::scenario::Given;

/// A stored installation, in the state from which a case updates it.
pub(super) struct InstallationToUpdate {
    stored: Arc<StoredInstallation>,
    state: StoredState,
    pub start: StoredStart,
}

impl InstallationToUpdate {
    /// The installation of a case that begins with one.
    ///
    /// # Errors
    /// If the case needs one, and it cannot be used.
    pub fn of(case: &PlannedCase, setup: &RoleSetup) -> Result<Option<Self>, MuseumError> {
        match &setup.previous {
            Some(PreviousBuild::Unusable(error)) if case.needs_previous() => Err(error.clone()),
            Some(PreviousBuild::Stored(stored)) => Ok(case.stored_start().and_then(|start| {
                let state = stored.state(start.state)?.clone();
                Some(Self { stored: stored.clone(), state, start })
            })),
            _ => Ok(None),
        }
    }

    /// The state in which it was stored.
    pub fn state(&self) -> &StoredState {
        &self.state
    }

    /// The case goes on in the environment and region of the installation.
    pub fn apply_to(&self, given: Given) -> Given {
        let realm = self.stored.description.realm();
        Given { environment: realm.environment, region: realm.region, ..given }
    }

    /// Has the mock cloud of the case go on where that of the installation ended.
    pub fn adopt(&self, vendor: &Vendor) -> Result<(), StepError> {
        let (cloud, realm) = (vendor.simulated()?, self.stored.description.realm());
        let StoredState { user, team, session, .. } = &self.state;
        cloud.adopt_team(realm, Team { id: team.id.clone(), key: team.api_key.clone(), tenant: team.tenant.clone() });
        let Some(session) = session else { return Ok(()) };
        let tokens = SessionTokens {
            access_token: session.access_token.clone(),
            access_expires_s: session.access_token_expires_ms.div_euclid(1000),
            refresh_token: session.refresh_token.clone(),
        };
        match cloud.adopt_session(realm, &user.id, tokens) {
            true => Ok(()),
            false => Err(StepError::Harness("the user of the stored installation could not be made".into())),
        }
    }

    /// Copies its files onto a device.
    pub fn install(&self, storage: &DeviceStorage) -> io::Result<()> {
        self.stored.install(self.start.state, storage)
    }
}
