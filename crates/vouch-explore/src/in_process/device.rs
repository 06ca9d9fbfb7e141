//! Updates, restored backups, second processes and launches in the background.

use super::{InProcess, Launch, launch};
use crate::action::{Action, Person, Place};
use crate::state::{Observation, State};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use vouch_sim::reference::adapter::PreviousReferenceSdk;
use vouch_sim::reference::sdk::ports::{ProcessLifetime, WriteFault};
use vouch_sim::reference::sdk::{AppState, Sdk, SdkError};
use vouch_sim::wire::Operation;
use vouch_spec::protocol::ErrorKind;
use vouch_spec::protocol::message::Area;
use vouch_spec::step::BackupContent;

/// Another process on the same storage, or of another build.
struct OtherProcess {
    sdk: Arc<Sdk>,
    life: ProcessLifetime,
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        self.life.end();
    }
}

impl InProcess {
    /// Performs such an action; `state` is the state before it.
    pub(super) async fn device_event(&mut self, action: Action, state: &State) -> Vec<Observation> {
        let user = state.user().unwrap_or(Person::Ada);
        let own = format!("/v2/user/{}", self.id(user));
        let seen = match action {
            Action::UpdatedSignIn(person) => self.updated_sign_in(person).await,
            Action::UpdatedKey(person) => self.updated_key(person),
            Action::CrashInUpdate(person, write) => self.crash_in_update(person, write).await,
            Action::Restore(content) => self.restore(content),
            Action::SecondProcessCall => self.second_process_call(&own).await,
            Action::SecondProcessSignOut => {
                let second = self.second_process();
                self.record_sign_out(second.sdk.sign_out())
            }
            Action::SecondProcessSignIn(person) => self.second_process_sign_in(person).await,
            Action::WokenAndKilled => {
                self.expire().await;
                self.wake();
                let _ = self.request(&own).await;
                self.relaunch();
                Observation::Ok
            }
            Action::WokenWhileLocked => {
                self.woken_while_locked(&own).await;
                self.relaunch();
                Observation::Ok
            }
            Action::OpenedAfterWake => {
                self.woken_while_locked(&own).await;
                self.sdk.come_to_foreground();
                Observation::Ok
            }
            _ => Observation::Unexpected,
        };
        vec![seen]
    }

    async fn expire(&self) {
        self.clock.advance(self.network.cloud.lifetimes().access_token + Duration::from_secs(1)).await;
    }

    fn restore(&mut self, content: BackupContent) -> Observation {
        self.life.end();
        let keeps = |area: Area| match area {
            Area::Plain => true,
            Area::Secure => content == BackupContent::Everything,
            Area::Volatile => false,
        };
        self.disk.lock().retain(|(area, _), _| keeps(*area));
        self.relaunch();
        Observation::Ok
    }

    /// Launches the app in the background before the first unlock, where it makes a call.
    async fn woken_while_locked(&mut self, path: &str) {
        self.locked.store(true, Ordering::Relaxed);
        self.wake();
        let _ = self.request(path).await;
        self.locked.store(false, Ordering::Relaxed);
    }

    /// Ends the app and launches it in the background.
    fn wake(&mut self) {
        self.relaunch_in(AppState::Background);
    }

    fn second_process(&self) -> OtherProcess {
        let (sdk, life) = launch(&Launch { reported: Arc::default(), ..self.launch_options(AppState::Foreground) });
        OtherProcess { sdk, life }
    }

    async fn second_process_call(&self, path: &str) -> Observation {
        self.expire().await;
        let (second, before) = (self.second_process(), self.network.transcript.len());
        let answered = second.sdk.request("GET", path).await;
        match self.record(answered.map(|answer| Observation::Http(answer.status))) {
            Observation::Http(200) => {}
            other => return other,
        }
        let seen = self.request(path).await;
        // One refresh serves both (MUL-1).
        if self.count(Operation::Refresh, before) > 1 { Observation::Unexpected } else { seen }
    }

    async fn second_process_sign_in(&self, person: Person) -> Observation {
        let second = self.second_process();
        self.sign_in_with_sdk(&second.sdk, person).await
    }

    async fn sign_in_with_sdk(&self, sdk: &Arc<Sdk>, person: Person) -> Observation {
        let Some(token) = self.issue(person, Place::Home) else { return Observation::Refused(ErrorKind::Network) };
        self.record_session_start();
        let done = sdk.sign_in(&token).await;
        if done.is_ok() {
            self.observed.lock().token_scheme = true;
        }
        self.record(done.map(|()| Observation::Ok))
    }

    /// Puts the previous build in the place of the installed one, and signs its user out.
    fn downgrade(&self) -> Result<OtherProcess, SdkError> {
        self.life.end();
        let options = Launch {
            sdk: &PreviousReferenceSdk,
            reported: Arc::new(Mutex::default()),
            ..self.launch_options(AppState::Foreground)
        };
        let (sdk, life) = launch(&options);
        let previous = OtherProcess { sdk, life };
        self.observed.lock().launches.push(self.network.transcript.len());
        previous.sdk.sign_out()?;
        Ok(previous)
    }

    async fn updated_sign_in(&mut self, person: Person) -> Observation {
        let seen = self.sign_in_before_update(person).await;
        self.relaunch();
        seen
    }

    async fn sign_in_before_update(&self, person: Person) -> Observation {
        match self.downgrade() {
            Ok(previous) => self.sign_in_with_sdk(&previous.sdk, person).await,
            Err(error) => self.record(Err(error)),
        }
    }

    fn updated_key(&mut self, person: Person) -> Observation {
        let seen = self.downgrade().and_then(|previous| {
            self.record_session_start();
            previous.sdk.configure(&self.key(Place::Home), self.home)?;
            previous.sdk.set_user_id(self.id(person))
        });
        self.observed.lock().token_scheme = false;
        let seen = self.record(seen.map(|()| Observation::Ok));
        self.relaunch();
        seen
    }

    async fn crash_in_update(&mut self, person: Person, write: u32) -> Observation {
        let seen = self.sign_in_before_update(person).await;
        if seen != Observation::Ok {
            return seen;
        }
        self.crash_at_next_launch = Some((write, WriteFault::End));
        self.relaunch();
        self.after_crash(seen)
    }
}
