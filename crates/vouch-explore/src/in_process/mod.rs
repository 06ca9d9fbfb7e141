//! The built-in parts without sockets, processes and files: the same SDK, cloud and app, wired to each other in memory, so
//! that thousands of sequences a second can be walked.

mod calls;
mod concurrency;
mod perform;

use super::action::{Person, Place};
use super::backend_requests::Asked;
use super::memory_network::{DirectNet, MemoryNetwork, lock};
use super::memory_storage::{Disk, MemoryStorage};
use super::sut::Parts;
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vouch_runner::invariant::{InvariantState, Observed};
use vouch_sim::clock::{Clock, Mode};
use vouch_sim::mock_cloud::{Behaviour, CloudParts, MockCloud, RefreshTokens};
use vouch_sim::reference::app::ReconcilingApp;
use vouch_sim::reference::sdk::ports::{Life, Time};
use vouch_sim::reference::sdk::{Device, Sdk};
use vouch_sim::wire::redact::Redactor;
use vouch_sim::wire::{Faults, RecordingProxy, Transcript};
use vouch_spec::profile::{NumberForm, Profile};
use vouch_spec::protocol::{Realm, StatusWord};

/// Virtual time that passes at once.
struct DirectTime {
    clock: Clock,
    /// How far the device's clock is ahead of the servers', in milliseconds.
    off_ms: i64,
}

#[async_trait]
impl Time for DirectTime {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms() + self.off_ms
    }

    async fn sleep(&self, duration: Duration) {
        self.clock.advance(duration).await;
    }
}

/// What differs from walk to walk and must make no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    pub expires_in: Option<NumberForm>,
    /// Sign-in tokens whose encoding contains `-` and `_`.
    pub url_safe_characters: bool,
    /// Sign-in tokens that write the user id in capitals.
    pub capital_user_id: bool,
    pub clock_off_minutes: i64,
    /// A wire that claims RFC 6749 and RFC 8693.
    pub standard: bool,
}

impl Conditions {
    /// Makes one of them as it is by default.
    pub const PLAINER: [fn(&mut Self); 5] = [
        |conditions| conditions.expires_in = None,
        |conditions| conditions.url_safe_characters = false,
        |conditions| conditions.capital_user_id = false,
        |conditions| conditions.clock_off_minutes = 0,
        |conditions| conditions.standard = false,
    ];
}

/// One installed app with all that surrounds it.
pub(super) struct Direct {
    pub(super) cast: Parts,
    pub(super) conditions: Conditions,
    pub(super) home: Realm,
    pub(super) locked: Arc<AtomicBool>,
    /// The statuses told in the last action.
    pub(super) changes: Vec<Vec<StatusWord>>,
    pub(super) clock: Clock,
    pub(super) redactor: Redactor,
    pub(super) profile: Arc<Profile>,
    pub(super) network: Arc<MemoryNetwork>,
    pub(super) disk: Disk,
    pub(super) ids: [String; 2],
    pub(super) sdk: Arc<Sdk>,
    pub(super) life: Life,
    pub(super) app: ReconcilingApp,
    pub(super) asked: Asked,
    pub(super) app_user: Option<Person>,
    pub(super) told: Arc<Mutex<Vec<Vec<StatusWord>>>>,
    pub(super) tokens_asked: AtomicUsize,
    pub(super) deeds: AtomicUsize,
    pub(super) observed: Mutex<Observed>,
    pub(super) watch: InvariantState,
    /// How many exchanges were looked at for what answers with tokens owe.
    pub(super) answers_seen: usize,
}

impl Direct {
    pub fn new(cast: &Parts, home: Realm, conditions: Conditions) -> Self {
        let (redactor, clock) = (Redactor::default(), Clock::new(Mode::Virtual));
        let profile = if conditions.standard { cast.standard.clone() } else { cast.junction.clone() };
        let cloud = MockCloud::new(CloudParts {
            keys: cast.keys.clone(),
            clock: clock.clone(),
            redactor: redactor.clone(),
            behaviour: Behaviour { expires_in: conditions.expires_in, refresh_tokens: RefreshTokens::Awkward },
            profile: profile.clone(),
            policy: cast.cloud.clone(),
        });
        let id_of = |who: Person| {
            let user = cloud.store().add_user(home, &format!("app-user-{}", who.name()), None);
            user.map(|user| user.id).unwrap_or_default()
        };
        let ids = [id_of(Person::Ada), id_of(Person::Bob)];
        for realm in Realm::all().filter(|realm| *realm != home) {
            for (who, id) in ["ada", "bob"].into_iter().zip(&ids) {
                cloud.store().add_user(realm, &format!("app-user-{who}"), Some(id.clone()));
            }
        }
        let transcript = Transcript::new(clock.clone(), profile.clone());
        let front = RecordingProxy::new(transcript.clone(), Faults::default(), clock.clone());
        let online = AtomicBool::new(true);
        let network = Arc::new(MemoryNetwork {
            front,
            cloud,
            transcript,
            online,
            strike: Mutex::default(),
            slow: Mutex::default(),
        });
        let (disk, told) = (Disk::default(), Arc::default());
        let locked = Arc::new(AtomicBool::new(false));
        let (sdk, life) = launch(cast, &network, &disk, &device(&clock, conditions), &profile, &told, &locked);
        let observed = Mutex::new(Observed { launches: vec![0], ..Observed::default() });
        Self {
            asked: Asked::new(cast.backend.clone(), network.clone(), clock.clone(), home, ids.clone()),
            app: ReconcilingApp::new(cast.app.clone()),
            cast: cast.clone(),
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
            told,
            tokens_asked: AtomicUsize::new(0),
            deeds: AtomicUsize::new(0),
            observed,
            watch: InvariantState::default(),
            answers_seen: 0,
        }
    }

    pub(super) fn id(&self, who: Person) -> &str {
        &self.ids[who as usize]
    }

    fn relaunch(&mut self) {
        self.life.end();
        let time = device(&self.clock, self.conditions);
        let launched = launch(&self.cast, &self.network, &self.disk, &time, &self.profile, &self.told, &self.locked);
        (self.sdk, self.life) = launched;
        lock(&self.observed).launches.push(self.network.transcript.len());
    }

    pub(super) fn place(&self, place: Place) -> Realm {
        place.seen_from(self.home)
    }

    /// A sign-in token, as the app gets it from its backend.
    fn issue(&self, who: Person, place: Place) -> Option<String> {
        self.issue_written(who, place, self.conditions.capital_user_id)
    }

    fn issue_written(&self, who: Person, place: Place, capital_user_id: bool) -> Option<String> {
        self.tokens_asked.fetch_add(1, Ordering::Relaxed);
        let realm = self.place(place);
        self.network.cloud.store().by_id(realm, self.id(who))?;
        let url_safe_characters = self.conditions.url_safe_characters;
        let shape = vouch_sim::mock_cloud::TokenShape { url_safe_characters, capital_user_id, padding: None };
        self.network.cloud.sign_in_token(realm, self.id(who), &shape)
    }
}

fn device(clock: &Clock, conditions: Conditions) -> Arc<DirectTime> {
    Arc::new(DirectTime { clock: clock.clone(), off_ms: conditions.clock_off_minutes * 60_000 })
}

fn launch(
    cast: &Parts,
    network: &Arc<MemoryNetwork>,
    disk: &Disk,
    time: &Arc<DirectTime>,
    profile: &Arc<Profile>,
    told: &Arc<Mutex<Vec<Vec<StatusWord>>>>,
    locked: &Arc<AtomicBool>,
) -> (Arc<Sdk>, Life) {
    let life = Life::default();
    let vault = Arc::new(MemoryStorage { disk: disk.clone(), life: life.clone(), locked: locked.clone() });
    let net = Arc::new(DirectNet { network: network.clone(), life: life.clone() });
    let parts = cast.sdk.assemble(vault, net);
    let told = told.clone();
    let sdk = Sdk::launch(Device {
        policy: parts.policy,
        profile: profile.clone(),
        vault: parts.vault,
        net: parts.net,
        time: time.clone(),
        on_status: Box::new(move |status| lock(&told).push(status)),
    });
    (sdk, life)
}
