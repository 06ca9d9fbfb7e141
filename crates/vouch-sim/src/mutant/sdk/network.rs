//! SDK mutants that send, or interpret responses, differently from the reference.

use super::NetworkResult;
use super::ordering::is_exchange;
use crate::mutant::{Mutant, Mutation};
use crate::reference::adapter::{SdkFactory, SdkParts};
use crate::reference::sdk::policy::{ApiNextStep, DefaultSdkPolicy, SdkPolicy};
use crate::reference::sdk::ports::{Host, HttpRequest, HttpResponse, Network, NetworkError, Storage};
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::protocol::message::Area;

/// What is odd about a network.
#[derive(Clone, Copy)]
enum NetworkFault {
    /// It fetches something after each sign-in, unasked.
    PhonesHome,
    /// It lets one exchange at a time through, also across launches.
    Locks,
    /// It sends one API request at a time.
    OneAtATime,
    /// It makes 0 of the status of an API answer that is no JSON.
    Blanks,
}

struct FaultyNetwork {
    net: Arc<dyn Network>,
    storage: Arc<dyn Storage>,
    how: NetworkFault,
    /// Held by the API request that goes on.
    turn: tokio::sync::Mutex<()>,
}

/// A plain item that says that an exchange is under way.
const UNDER_WAY: &str = "signing-in";

impl FaultyNetwork {
    async fn phone_home(&self, call: HttpRequest) -> NetworkResult {
        let (exchange, realm) = (is_exchange(&call), call.realm);
        let answer = self.net.send(call).await;
        if exchange && answer.as_ref().is_ok_and(|answer| answer.status == 200) {
            let (path, headers, body) = ("/v2/features".to_owned(), vec![], String::new());
            let _ =
                self.net.send(HttpRequest { realm, host: Host::Api, method: "GET".into(), path, headers, body }).await;
        }
        answer
    }

    async fn lock(&self, call: HttpRequest) -> NetworkResult {
        if !is_exchange(&call) {
            return self.net.send(call).await;
        }
        if self.storage.read(Area::Plain, UNDER_WAY).is_ok_and(|mark| mark.is_some()) {
            return Err(NetworkError::ConnectionLost);
        }
        let _ = self.storage.write(Area::Plain, UNDER_WAY, b"");
        let answer = self.net.send(call).await;
        let _ = self.storage.erase(Area::Plain, UNDER_WAY);
        answer
    }

    async fn one_at_a_time(&self, call: HttpRequest) -> NetworkResult {
        let turn = self.turn.lock();
        let _turn = if call.host == Host::Api { Some(turn.await) } else { None };
        self.net.send(call).await
    }

    async fn blank(&self, call: HttpRequest) -> NetworkResult {
        let api = call.host == Host::Api;
        let answer = self.net.send(call).await?;
        let status = if api && answer.json().is_none() { 0 } else { answer.status };
        Ok(HttpResponse { status, ..answer })
    }
}

#[async_trait]
impl Network for FaultyNetwork {
    async fn send(&self, call: HttpRequest) -> NetworkResult {
        match self.how {
            NetworkFault::PhonesHome => self.phone_home(call).await,
            NetworkFault::Locks => self.lock(call).await,
            NetworkFault::Blanks => self.blank(call).await,
            NetworkFault::OneAtATime => self.one_at_a_time(call).await,
        }
    }
}

/// Takes a blank status for the end of the user.
struct BlankIsGone;

impl SdkPolicy for BlankIsGone {
    fn after_api_response(&self, status: u16, retried: bool) -> ApiNextStep {
        if status == 0 { ApiNextStep::SignOut } else { DefaultSdkPolicy.after_api_response(status, retried) }
    }
}

impl SdkFactory for NetworkFault {
    fn assemble(&self, storage: Arc<dyn Storage>, net: Arc<dyn Network>) -> SdkParts {
        let net =
            Arc::new(FaultyNetwork { net, storage: storage.clone(), how: *self, turn: tokio::sync::Mutex::default() });
        SdkParts { policy: Arc::new(BlankIsGone), storage, net }
    }
}

/// An honest SDK that calls the API by itself.
pub(crate) fn phones_home() -> Mutation {
    Mutation::Sdk(Arc::new(NetworkFault::PhonesHome))
}

/// An honest SDK with one connection to the API.
pub(crate) fn one_connection() -> Mutation {
    Mutation::Sdk(Arc::new(NetworkFault::OneAtATime))
}

pub(super) fn mutants() -> Vec<Mutant> {
    let odd = |name, clause, about, how: NetworkFault| Mutant {
        name,
        clause,
        about,
        profile: None,
        vary: None,
        mutation: Mutation::Sdk(Arc::new(how)),
    };
    vec![
        odd("stale-lock", "REC-6", "Blocks every later sign-in when it is killed during one", NetworkFault::Locks),
        odd("garbled-call-signs-out", "REF-10", "Signs out when an API response is not JSON", NetworkFault::Blanks),
    ]
}
