//! The built-in SDK, cloud, backend and app, connected in memory without sockets, processes and files, so that thousands of walks
//! per second can be executed.

mod calls;
mod concurrency;
mod device;
mod perform;

pub use perform::ended_in_time;

use super::action::{Person, Place};
use super::backend_requests::WalkBackend;
use super::memory_network::{MemoryNetwork, ProcessNetwork};
use super::memory_storage::{Disk, MemoryStorage};
use super::sut::Parts;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use vouch_runner::invariant::{InvariantState, Observed};
use vouch_sim::clock::{Clock, ClockMode};
use vouch_sim::mock_cloud::{CloudBehaviour, CloudParts, MockCloud, RefreshTokenFormat};
use vouch_sim::reference::adapter::SdkFactory;
use vouch_sim::reference::app::ReconcilingApp;
use vouch_sim::reference::sdk::ports::{ProcessLifetime, Time, WriteFault};
use vouch_sim::reference::sdk::{AppState, Sdk, SdkEnvironment};
use vouch_sim::wire::redact::Redactor;
use vouch_sim::wire::{FaultInjector, RecordingProxy, Transcript};
use vouch_spec::profile::{NumberForm, Profile};
use vouch_spec::protocol::{Realm, StatusWord};

/// Virtual time: a sleep ends at once and advances the clock.
struct VirtualTime {
    clock: Clock,
    /// How far the device's clock is ahead of the servers', in milliseconds.
    skew_ms: i64,
}

#[async_trait]
impl Time for VirtualTime {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms() + self.skew_ms
    }

    async fn sleep(&self, duration: Duration) {
        self.clock.advance(duration).await;
    }
}

/// Random conditions of a walk. They must not affect the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    pub expires_in: Option<NumberForm>,
    /// Sign-in tokens whose encoding contains `-` and `_`.
    pub url_safe_characters: bool,
    /// Sign-in tokens with the user id in capital letters.
    pub capital_user_id: bool,
    pub clock_skew_minutes: i64,
    /// A wire profile that claims RFC 6749 and RFC 8693.
    pub standard: bool,
}

impl Conditions {
    /// Functions that each reset one condition to its default.
    pub const SIMPLER: [fn(&mut Self); 5] = [
        |conditions| conditions.expires_in = None,
        |conditions| conditions.url_safe_characters = false,
        |conditions| conditions.capital_user_id = false,
        |conditions| conditions.clock_skew_minutes = 0,
        |conditions| conditions.standard = false,
    ];
}

/// One installed app with its device, network, backend and cloud.
pub(super) struct InProcess {
    pub(super) parts: Parts,
    pub(super) conditions: Conditions,
    pub(super) home: Realm,
    pub(super) locked: Arc<AtomicBool>,
    /// The status changes that were reported during the last action.
    pub(super) changes: Vec<Vec<StatusWord>>,
    pub(super) clock: Clock,
    pub(super) redactor: Redactor,
    pub(super) profile: Arc<Profile>,
    pub(super) network: Arc<MemoryNetwork>,
    pub(super) disk: Disk,
    pub(super) ids: [String; 2],
    pub(super) sdk: Arc<Sdk>,
    pub(super) life: ProcessLifetime,
    pub(super) app: ReconcilingApp,
    pub(super) backend: WalkBackend,
    pub(super) app_user: Option<Person>,
    pub(super) reported: Arc<Mutex<Vec<Vec<StatusWord>>>>,
    pub(super) tokens_requested: AtomicUsize,
    pub(super) app_operations: AtomicUsize,
    pub(super) observed: Mutex<Observed>,
    pub(super) watch: InvariantState,
    pub(super) crash_at_next_launch: Option<(u32, WriteFault)>,
    /// The number of recorded calls whose token responses were checked.
    pub(super) answers_seen: usize,
}

impl InProcess {
    pub fn new(parts: &Parts, home: Realm, conditions: Conditions) -> Self {
        let (redactor, clock) = (Redactor::default(), Clock::new(ClockMode::Virtual));
        let profile = if conditions.standard { parts.standard.clone() } else { parts.junction.clone() };
        let cloud = MockCloud::new(CloudParts {
            keys: parts.keys.clone(),
            clock: clock.clone(),
            redactor: redactor.clone(),
            behaviour: CloudBehaviour {
                expires_in: conditions.expires_in,
                refresh_tokens: RefreshTokenFormat::NeedsEscaping,
                token_padding: 0,
            },
            profile: profile.clone().into(),
            policy: parts.cloud.clone(),
        });
        let id_of = |person: Person| {
            let user = cloud.store().add_user(home, &format!("app-user-{}", person.name()), None);
            user.map(|user| user.id).unwrap_or_default()
        };
        let ids = [id_of(Person::Ada), id_of(Person::Bob)];
        for realm in Realm::all().filter(|realm| *realm != home) {
            for (person, id) in ["ada", "bob"].into_iter().zip(&ids) {
                cloud.store().add_user(realm, &format!("app-user-{person}"), Some(id.clone()));
            }
        }
        let transcript = Transcript::new(clock.clone(), profile.clone());
        let proxy = RecordingProxy::new(transcript.clone(), FaultInjector::default(), clock.clone());
        let online = AtomicBool::new(true);
        let network = Arc::new(MemoryNetwork {
            proxy,
            cloud,
            transcript,
            online,
            fault: Mutex::default(),
            delayed: Mutex::default(),
        });
        let (disk, reported): (_, Arc<Mutex<Vec<Vec<StatusWord>>>>) = (Disk::default(), Arc::default());
        let locked = Arc::new(AtomicBool::new(false));
        let (sdk, life) = launch(&Launch {
            sdk: &*parts.sdk,
            network: &network,
            disk: &disk,
            time: device(&clock, conditions),
            profile: &profile,
            reported: Arc::clone(&reported),
            locked: &locked,
            app_state: AppState::Foreground,
            crash: None,
        });
        let observed = Mutex::new(Observed { launches: vec![0], ..Observed::default() });
        Self {
            backend: WalkBackend::new(parts.backend.clone(), network.clone(), clock.clone(), home, ids.clone()),
            app: ReconcilingApp::new(parts.app.clone()),
            parts: parts.clone(),
            conditions,
            home,
            locked,
            changes: Vec::new(),
            clock,
            redactor,
            profile,
            network,
            disk,
            ids,
            sdk,
            life,
            app_user: None,
            reported,
            tokens_requested: AtomicUsize::new(0),
            app_operations: AtomicUsize::new(0),
            observed,
            watch: InvariantState::default(),
            crash_at_next_launch: None,
            answers_seen: 0,
        }
    }

    pub(super) fn id(&self, person: Person) -> &str {
        &self.ids[person as usize]
    }

    fn relaunch(&mut self) {
        self.relaunch_in(AppState::Foreground);
    }

    fn relaunch_in(&mut self, app_state: AppState) {
        self.life.end();
        let crash = self.crash_at_next_launch.take();
        let launched = launch(&Launch { crash, ..self.launch_options(app_state) });
        (self.sdk, self.life) = launched;
        self.observed.lock().launches.push(self.network.transcript.len());
    }

    fn launch_options(&self, app_state: AppState) -> Launch<'_> {
        Launch {
            sdk: &*self.parts.sdk,
            network: &self.network,
            disk: &self.disk,
            time: device(&self.clock, self.conditions),
            profile: &self.profile,
            reported: self.reported.clone(),
            locked: &self.locked,
            app_state,
            crash: None,
        }
    }

    pub(super) fn place(&self, place: Place) -> Realm {
        place.seen_from(self.home)
    }

    /// Issues a sign-in token, as the app requests it from its backend.
    fn issue(&self, person: Person, place: Place) -> Option<String> {
        self.issue_written(person, place, self.conditions.capital_user_id)
    }

    fn issue_written(&self, person: Person, place: Place, capital_user_id: bool) -> Option<String> {
        self.tokens_requested.fetch_add(1, Ordering::Relaxed);
        let realm = self.place(place);
        self.network.cloud.store().by_id(realm, self.id(person))?;
        let url_safe_characters = self.conditions.url_safe_characters;
        let shape = vouch_sim::mock_cloud::TokenShape { url_safe_characters, capital_user_id, ..Default::default() };
        self.network.cloud.sign_in_token(realm, self.id(person), &shape)
    }
}

fn device(clock: &Clock, conditions: Conditions) -> Arc<VirtualTime> {
    Arc::new(VirtualTime { clock: clock.clone(), skew_ms: conditions.clock_skew_minutes * 60_000 })
}

/// What a process is launched with.
struct Launch<'a> {
    sdk: &'a dyn SdkFactory,
    network: &'a Arc<MemoryNetwork>,
    disk: &'a Disk,
    time: Arc<VirtualTime>,
    profile: &'a Arc<Profile>,
    reported: Arc<Mutex<Vec<Vec<StatusWord>>>>,
    locked: &'a Arc<AtomicBool>,
    app_state: AppState,
    /// A fault of one of its writes.
    crash: Option<(u32, WriteFault)>,
}

fn launch(options: &Launch<'_>) -> (Arc<Sdk>, ProcessLifetime) {
    let life = ProcessLifetime::default();
    if let Some((write, fault)) = options.crash {
        life.fail_at_write(write, fault);
    }
    let (disk, locked) = (options.disk.clone(), options.locked.clone());
    let storage = Arc::new(MemoryStorage { disk, life: life.clone(), locked });
    let net = Arc::new(ProcessNetwork { network: options.network.clone(), life: life.clone() });
    let parts = options.sdk.assemble(storage, net);
    let reported = options.reported.clone();
    let sdk = Sdk::launch(SdkEnvironment {
        policy: parts.policy,
        profile: options.profile.clone(),
        storage: parts.storage,
        net: parts.net,
        time: options.time.clone(),
        app_state: options.app_state,
        on_status: Box::new(move |status| reported.lock().push(status)),
    });
    (sdk, life)
}
