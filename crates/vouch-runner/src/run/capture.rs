//! Captures an installation: brings a build into each state of a museum and keeps what it leaves on its device.

use super::conditions::Conditions;
use super::crash_points::CrashPoint;
use super::device::Build;
use super::device_storage::DeviceStorage;
use super::role_setup::RoleSetup;
use super::step_result::{StepError, StepResult};
use super::world::{World, WorldOptions};
use crate::museum::{self, Captured, InstallationState, StoredSession, StoredState, StoredTeam, StoredUser};
use std::sync::Arc;
use vouch_sim::wire::Party;
use vouch_spec::protocol::Realm;
use vouch_spec::scenario::Given;
use vouch_spec::step::{Expiries, SignOut, SignedIn, SignedInWithApiKey, Step};

/// Why nothing was captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The build cannot be signed in with a token, without which there is nothing to update.
    #[error("the build cannot be brought into the state {}: {}", .0.state, .0.why)]
    NotSignedIn(NotCaptured),
    /// Its storage is elsewhere.
    #[error(
        "the build is signed in and keeps nothing in the folders of the device; an installation can be stored only if its storage \
         is in files there (the capability `storageFiles`)"
    )]
    NoFiles,
}

/// A state that was not captured.
#[derive(Debug)]
pub struct NotCaptured {
    pub state: InstallationState,
    /// What the build did instead.
    pub why: String,
}

/// Captures every state that the SDK of a set-up can be brought into.
///
/// # Errors
/// If it cannot be signed in with a token, or keeps nothing in files.
pub async fn capture(setup: &RoleSetup, realm: Realm) -> Result<(Vec<Captured>, Vec<NotCaptured>), CaptureError> {
    let (mut captured, mut missing) = (Vec::new(), Vec::new());
    for state in InstallationState::ALL {
        match capture_state(setup, realm, state).await {
            Ok((_, 0)) if state != InstallationState::SignedOut => return Err(CaptureError::NoFiles),
            Ok((of, _)) => captured.push(of),
            Err(error) => {
                let not = NotCaptured { state, why: describe(error) };
                if state == InstallationState::SignedIn {
                    return Err(CaptureError::NotSignedIn(not));
                }
                missing.push(not);
            }
        }
    }
    Ok((captured, missing))
}

fn steps(state: InstallationState) -> Vec<Step> {
    let user = || "ada".to_owned();
    let signed_in = || Step::SignedIn(Box::new(SignedIn { user: user() }));
    match state {
        InstallationState::SignedIn => vec![signed_in()],
        InstallationState::SignedInWithApiKey => {
            vec![Step::SignedInWithApiKey(Box::new(SignedInWithApiKey { user: user() }))]
        }
        InstallationState::SignedOut => vec![signed_in(), Step::SignOut(Box::new(SignOut {}))],
    }
}

/// Captures a state. Also returns the number of files.
async fn capture_state(
    setup: &RoleSetup,
    realm: Realm,
    state: InstallationState,
) -> Result<(Captured, usize), StepError> {
    let options = WorldOptions {
        given: Given { environment: realm.environment, region: realm.region, ..Given::default() },
        conditions: Conditions::default(),
        expiries: Expiries::default(),
        intercept_writes: false,
        crash_point: CrashPoint::at(1),
        build: Build::UnderTest,
        stored: None,
    };
    let harness = |error: std::io::Error| StepError::Harness(error.to_string());
    let world = World::build(setup, options).await.map_err(harness)?;
    let left = leave(&world, state).await;
    world.shut_down(left.is_ok()).await;
    left?;
    let storage = DeviceStorage::new().map_err(harness)?;
    let files = museum::copy_areas(&world.device.storage, &storage).map_err(harness)?;
    let of = stored_state(&world, realm, state)?;
    Ok((Captured { state, storage, of }, files))
}

/// Brings about a state, and stops the app in order.
async fn leave(world: &Arc<World>, state: InstallationState) -> Result<(), StepError> {
    world.prepare_users().await?;
    world.launch().await?;
    for step in steps(state) {
        let result = super::step::execute(&step, world).await?;
        if result != StepResult::Ok {
            return Err(StepError::Unmet {
                expected: format!("{} to succeed", step.describe()),
                got: result.to_string(),
            });
        }
    }
    Ok(world.device.stop().await?)
}

/// What another mock cloud must know.
fn stored_state(world: &World, realm: Realm, state: InstallationState) -> Result<StoredState, StepError> {
    let team = world.vendor.simulated()?.store().team(realm).clone();
    let newest = world.transcript.read(|exchanges| {
        let mut of_sdk = exchanges.iter().rev().filter(|exchange| exchange.link.from == Party::Sdk);
        of_sdk.find_map(|exchange| Some((exchange.granted()?, exchange.completed_ms?)))
    });
    let session = newest.filter(|_| state == InstallationState::SignedIn).map(|(granted, received_ms)| {
        let lifetime_ms =
            i64::try_from(granted.expires_in.unwrap_or(3600)).unwrap_or(i64::MAX / 4000).saturating_mul(1000);
        StoredSession {
            access_token: granted.access_token,
            access_token_expires_ms: received_ms.saturating_add(lifetime_ms),
            refresh_token: granted.refresh_token,
        }
    });
    Ok(StoredState {
        captured_ms: world.clock.now_ms(),
        sha256: String::new(),
        user: StoredUser { id: world.users.id("ada")? },
        team: StoredTeam { id: team.id, api_key: team.key, tenant: team.tenant },
        session,
    })
}

fn describe(error: StepError) -> String {
    match error {
        StepError::Unmet { expected, got }
        | StepError::Undocumented { expected, got }
        | StepError::Violates { expected, got, .. } => format!("expected {expected}, got {got}"),
        StepError::Adapter(error) => error.what,
        StepError::Backend(error) => error.what,
        StepError::NotApplicable(why) | StepError::Scenario(why) | StepError::Harness(why) => why,
        StepError::Inside(inner) => describe(inner.error),
    }
}
