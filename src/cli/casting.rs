//! Who sits where in a run: what the target file fills, and the built-in parts for the rest.

use super::Stop;
use vouch_sim::clock::Mode;
use vouch_sim::cloud::Keys;
use vouch_sim::mutant::{self, Fault, Mutant};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::message::{Initialized, SdkName};
use vouch_spec::protocol::{Capability, Control, Realm, Seat};
use vouch_sim::reference::adapter::TimeSource;
use vouch_runner::run::{Engine, Offer};
use vouch_runner::sut::{AppSeat, BackendSeat, CannotStart, CloudSeat, ExternalCloud, NoService, SdkSeat, Trouble};
use vouch_runner::target_file::Target;
use vouch_spec::text::nearest;
use std::sync::Arc;

/// Seats that are filled, and what they offer.
pub struct Casting {
    pub engine: Engine,
    pub offer: Offer,
    /// The target's name for reports.
    pub target: String,
    /// What the build on trial calls itself.
    pub build: SdkName,
    /// Cases at once, where the seats allow no more than so many.
    pub at_most: Option<usize>,
}

/// Why there is none.
pub enum NoCast {
    /// The environment's fault.
    Stop(Stop),
    /// The build's own.
    Unfit { name: String, trouble: Trouble },
}

impl From<CannotStart> for NoCast {
    fn from(error: CannotStart) -> Self {
        NoCast::Stop(Stop::Environment(error.to_string()))
    }
}

/// Plants a fault in a built-in part.
pub fn plant(engine: &mut Engine, fault: &Fault) {
    match fault {
        Fault::Sdk(assembly) => {
            engine.sdk = SdkSeat::Builtin { assembly: assembly.clone(), time: TimeSource::Harness };
        }
        Fault::App(rules) => engine.app = AppSeat::Builtin(rules.clone()),
        Fault::Backend(rules) => engine.backend = BackendSeat::Builtin(rules.clone()),
        Fault::Cloud(wrong) => {
            if let CloudSeat::Simulated { rules, .. } = &mut engine.cloud {
                rules.clone_from(wrong);
            }
        }
    }
}

/// The mutant that the command line names.
pub fn mutant(name: &str) -> Result<Mutant, Stop> {
    mutant::named(name).ok_or_else(|| {
        let all = mutant::all();
        let near = nearest(name, all.iter().map(|mutant| mutant.name));
        let help = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        Stop::Usage(format!("there is no planted fault `{name}`; {help}`vouch mutants` lists all {}", all.len()))
    })
}

/// What the built-in seats offer.
pub fn offer(engine: &Engine) -> Offer {
    Offer {
        capabilities: engine.capabilities.clone(),
        controls: Control::ALL.iter().copied().collect(),
        realms: Realm::all().collect(),
        crashes_at_writes: engine.sdk.can_crash_at_writes(),
        unspoken: None,
        claims: engine.profile.claims.iter().copied().collect(),
    }
}

/// Fills the seats. `seats` are those on trial; `real_time` is the user's wish.
pub async fn cast(
    target: Target,
    seats: &[Seat],
    profile: Option<Arc<Profile>>,
    real_time: bool,
) -> Result<Casting, NoCast> {
    let keys = Keys::generate().map_err(|error| NoCast::Stop(Stop::Environment(error.to_string())))?;
    let mut engine = Engine {
        deadlines: target.deadlines,
        request_timeout: target.request_timeout,
        profile: profile.or(target.profile).unwrap_or_else(Profile::junction),
        ..Engine::built_in(Arc::new(keys))
    };
    let mut build = name("vouch-reference", env!("CARGO_PKG_VERSION"), "rust");
    let (mut label, mut at_most) = ("built in".to_owned(), None);
    let mut cloud = None;
    if let Some((name, seat)) = target.sdk.filter(|_| seats.contains(&Seat::Sdk)) {
        let told = fit(&name, seat.probe(engine.deadlines).await?)?;
        engine.capabilities = told.capabilities.iter().copied().collect();
        engine.tells_time = engine.capabilities.contains(&Capability::Clock);
        (engine.sdk, build, label) = (seat, told.sdk, name);
    }
    if let Some((name, seat)) = target.app.filter(|_| seats.contains(&Seat::App)) {
        if let Some(probed) = seat.probe(engine.deadlines).await {
            build = fit(&name, probed?)?.sdk;
        }
        (engine.app, label) = (seat, name);
    }
    if let Some((named, seat)) = target.backend.filter(|_| seats.contains(&Seat::Backend)) {
        if let BackendSeat::External(spec) = &seat
            && matches!(spec.run, vouch_runner::sut::Vendor::Running { .. })
        {
            // One vendor address: one case after the other.
            at_most = Some(1);
        }
        build = name(&named, "", "HTTP");
        (engine.backend, label) = (seat, named);
    }
    if let Some(spec) = target.cloud.filter(|_| seats.contains(&Seat::Api) || seats.contains(&Seat::Idp)) {
        label.clone_from(&spec.name);
        build = name(&spec.name, "", "HTTP");
        let external = ExternalCloud::bring_up(spec).await.map_err(|error| match error {
            NoService::CannotStart(error) => NoCast::from(error),
            NoService::Unready(trouble) => NoCast::Unfit { name: label.clone(), trouble },
        })?;
        let external = Arc::new(external);
        if external.has_hook(Control::Advance) {
            // Its time passes for all cases at once.
            at_most = Some(1);
        }
        engine.cloud = CloudSeat::External(external.clone());
        cloud = Some(external);
    }
    let waits = cloud.as_ref().is_some_and(|cloud| !cloud.has_hook(Control::Advance));
    if real_time || waits || !engine.capabilities.contains(&Capability::Clock) {
        engine.mode = Mode::Real;
        engine.capabilities.remove(&Capability::Clock);
        if let SdkSeat::Builtin { time, .. } = &mut engine.sdk {
            *time = TimeSource::System;
            engine.tells_time = false;
        }
    }
    let mut offer = offer(&engine);
    if engine.profile.name == Capability::Gcip.word() && !engine.capabilities.contains(&Capability::Gcip) {
        offer.unspoken = Some(engine.profile.name.clone());
    }
    if let Some(cloud) = &cloud {
        offer.controls = cloud.controls();
        offer.realms = cloud.realms.keys().copied().collect();
    }
    Ok(Casting { engine, offer, target: label, build, at_most })
}

fn name(name: &str, version: &str, platform: &str) -> SdkName {
    SdkName { name: name.into(), version: version.into(), platform: platform.into() }
}

fn fit(name: &str, told: Result<Initialized, Trouble>) -> Result<Initialized, NoCast> {
    told.map_err(|trouble| NoCast::Unfit { name: name.to_owned(), trouble })
}
