//! The built-in parts without sockets, processes and files: the same SDK, cloud and app, wired to each other in memory, so
//! that thousands of sequences a second can be walked.

mod calls;
mod overlaps;
mod perform;

use super::act::{Person, Place};
use super::asks::Asked;
use super::ether::{DirectNet, Ether, lock};
use super::memory::{Disk, MemoryVault};
use super::subject::Cast;
use vouch_sim::clock::{Clock, Mode};
use vouch_sim::cloud::{Behaviour, Cloud, CloudParts, RefreshTokens};
use vouch_runner::invariant::{Observed, Watch};
use vouch_spec::profile::{NumberForm, Profile};
use vouch_spec::protocol::{Realm, StatusWord};
use vouch_sim::reference::app::ReconcilingApp;
use vouch_sim::reference::sdk::ports::{Life, Time};
use vouch_sim::reference::sdk::{Device, Sdk};
use vouch_sim::wire::redact::Ledger;
use vouch_sim::wire::{Faults, Front, Transcript};
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
pub struct Habits {
    pub expires_in: Option<NumberForm>,
    /// Sign-in tokens whose encoding contains `-` and `_`.
    pub url_safe_characters: bool,
    /// Sign-in tokens that write the user id in capitals.
    pub capital_user_id: bool,
    pub clock_off_minutes: i64,
    /// A wire that claims RFC 6749 and RFC 8693.
    pub standard: bool,
}

impl Habits {
    /// Makes one of them as it is by default.
    pub const PLAINER: [fn(&mut Self); 5] = [
        |habits| habits.expires_in = None,
        |habits| habits.url_safe_characters = false,
        |habits| habits.capital_user_id = false,
        |habits| habits.clock_off_minutes = 0,
        |habits| habits.standard = false,
    ];
}

/// One installed app with all that surrounds it.
pub(super) struct Direct {
    pub(super) cast: Cast,
    pub(super) habits: Habits,
    pub(super) home: Realm,
    pub(super) locked: Arc<AtomicBool>,
    /// The statuses told in the last act.
    pub(super) changes: Vec<Vec<StatusWord>>,
    pub(super) clock: Clock,
    pub(super) ledger: Ledger,
    pub(super) profile: Arc<Profile>,
    pub(super) ether: Arc<Ether>,
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
    pub(super) watch: Watch,
    /// How many exchanges were looked at for what answers with tokens owe.
    pub(super) answers_seen: usize,
}

impl Direct {
    pub fn new(cast: &Cast, home: Realm, habits: Habits) -> Self {
        let (ledger, clock) = (Ledger::default(), Clock::new(Mode::Virtual));
        let profile = if habits.standard { cast.standard.clone() } else { cast.junction.clone() };
        let cloud = Cloud::new(CloudParts {
            keys: cast.keys.clone(),
            clock: clock.clone(),
            ledger: ledger.clone(),
            behaviour: Behaviour { expires_in: habits.expires_in, refresh_tokens: RefreshTokens::Awkward },
            profile: profile.clone(),
            rules: cast.cloud.clone(),
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
        let front = Front::new(transcript.clone(), Faults::default(), clock.clone());
        let online = AtomicBool::new(true);
        let ether =
            Arc::new(Ether { front, cloud, transcript, online, strike: Mutex::default(), slow: Mutex::default() });
        let (disk, told) = (Disk::default(), Arc::default());
        let locked = Arc::new(AtomicBool::new(false));
        let (sdk, life) = launch(cast, &ether, &disk, &device(&clock, habits), &profile, &told, &locked);
        let observed = Mutex::new(Observed { launches: vec![0], ..Observed::default() });
        Self {
            asked: Asked::new(cast.backend.clone(), ether.clone(), clock.clone(), home, ids.clone()),
            app: ReconcilingApp::new(cast.app.clone()),
            cast: cast.clone(),
            habits,
            home,
            locked,
            changes: Vec::new(),
            clock,
            ledger,
            profile,
            ether,
            disk,
            ids,
            sdk,
            life,
            app_user: None,
            told,
            tokens_asked: AtomicUsize::new(0),
            deeds: AtomicUsize::new(0),
            observed,
            watch: Watch::default(),
            answers_seen: 0,
        }
    }

    pub(super) fn id(&self, who: Person) -> &str {
        &self.ids[who as usize]
    }

    fn relaunch(&mut self) {
        self.life.end();
        let time = device(&self.clock, self.habits);
        let launched = launch(&self.cast, &self.ether, &self.disk, &time, &self.profile, &self.told, &self.locked);
        (self.sdk, self.life) = launched;
        lock(&self.observed).launches.push(self.ether.transcript.len());
    }

    pub(super) fn place(&self, place: Place) -> Realm {
        place.seen_from(self.home)
    }

    /// A sign-in token, as the app gets it from its backend.
    fn issue(&self, who: Person, place: Place) -> Option<String> {
        self.issue_written(who, place, self.habits.capital_user_id)
    }

    fn issue_written(&self, who: Person, place: Place, capital_user_id: bool) -> Option<String> {
        self.tokens_asked.fetch_add(1, Ordering::Relaxed);
        let realm = self.place(place);
        self.ether.cloud.store().by_id(realm, self.id(who))?;
        let url_safe_characters = self.habits.url_safe_characters;
        let shape = vouch_sim::cloud::TokenShape { url_safe_characters, capital_user_id, padding: None };
        self.ether.cloud.sign_in_token(realm, self.id(who), &shape)
    }
}

fn device(clock: &Clock, habits: Habits) -> Arc<DirectTime> {
    Arc::new(DirectTime { clock: clock.clone(), off_ms: habits.clock_off_minutes * 60_000 })
}

fn launch(
    cast: &Cast,
    ether: &Arc<Ether>,
    disk: &Disk,
    time: &Arc<DirectTime>,
    profile: &Arc<Profile>,
    told: &Arc<Mutex<Vec<Vec<StatusWord>>>>,
    locked: &Arc<AtomicBool>,
) -> (Arc<Sdk>, Life) {
    let life = Life::default();
    let vault = Arc::new(MemoryVault { disk: disk.clone(), life: life.clone(), locked: locked.clone() });
    let net = Arc::new(DirectNet { ether: ether.clone(), life: life.clone() });
    let parts = cast.sdk.assemble(vault, net);
    let told = told.clone();
    let sdk = Sdk::launch(Device {
        rules: parts.rules,
        profile: profile.clone(),
        vault: parts.vault,
        net: parts.net,
        time: time.clone(),
        on_status: Box::new(move |status| lock(&told).push(status)),
    });
    (sdk, life)
}
