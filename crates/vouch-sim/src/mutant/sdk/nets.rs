//! SDKs that call, or hear answers, otherwise than the reference does.

use super::Sent;
use super::ports::is_exchange;
use crate::mutant::{Fault, Mutant};
use vouch_spec::protocol::message::Area;
use crate::reference::adapter::{Assembly, Parts};
use crate::reference::sdk::ports::{Answer, Call, Host, Net, NoAnswer, Vault};
use crate::reference::sdk::rules::{Faithful, Next, Rules};
use async_trait::async_trait;
use std::sync::Arc;

/// What is odd about a network.
#[derive(Clone, Copy)]
enum Oddity {
    /// It fetches something after each sign-in, unasked.
    PhonesHome,
    /// It lets one exchange at a time through, also across launches.
    Locks,
    /// It makes 0 of the status of an API answer that is no JSON.
    Blanks,
}

struct OddNet {
    net: Arc<dyn Net>,
    vault: Arc<dyn Vault>,
    how: Oddity,
}

/// A plain item that says that an exchange is under way.
const UNDER_WAY: &str = "signing-in";

impl OddNet {
    async fn phone_home(&self, call: Call) -> Sent {
        let (exchange, realm) = (is_exchange(&call), call.realm);
        let answer = self.net.send(call).await;
        if exchange && answer.as_ref().is_ok_and(|answer| answer.status == 200) {
            let (path, headers, body) = ("/v2/features".to_owned(), vec![], String::new());
            let _ = self.net.send(Call { realm, host: Host::Api, method: "GET".into(), path, headers, body }).await;
        }
        answer
    }

    async fn lock(&self, call: Call) -> Sent {
        if !is_exchange(&call) {
            return self.net.send(call).await;
        }
        if self.vault.read(Area::Plain, UNDER_WAY).is_ok_and(|mark| mark.is_some()) {
            return Err(NoAnswer::Lost);
        }
        let _ = self.vault.write(Area::Plain, UNDER_WAY, b"");
        let answer = self.net.send(call).await;
        let _ = self.vault.erase(Area::Plain, UNDER_WAY);
        answer
    }

    async fn blank(&self, call: Call) -> Sent {
        let api = call.host == Host::Api;
        let answer = self.net.send(call).await?;
        let status = if api && answer.json().is_none() { 0 } else { answer.status };
        Ok(Answer { status, ..answer })
    }
}

#[async_trait]
impl Net for OddNet {
    async fn send(&self, call: Call) -> Sent {
        match self.how {
            Oddity::PhonesHome => self.phone_home(call).await,
            Oddity::Locks => self.lock(call).await,
            Oddity::Blanks => self.blank(call).await,
        }
    }
}

/// Takes a blank status for the end of the user.
struct BlankIsGone;

impl Rules for BlankIsGone {
    fn after_api(&self, status: u16, retried: bool) -> Next {
        if status == 0 { Next::SignOut } else { Faithful.after_api(status, retried) }
    }
}

impl Assembly for Oddity {
    fn assemble(&self, vault: Arc<dyn Vault>, net: Arc<dyn Net>) -> Parts {
        let net = Arc::new(OddNet { net, vault: vault.clone(), how: *self });
        Parts { rules: Arc::new(BlankIsGone), vault, net }
    }
}

pub(super) fn mutants() -> Vec<Mutant> {
    let odd = |name, clause, about, how: Oddity| Mutant {
        name,
        clause,
        about,
        profile: None,
        seat: Fault::Sdk(Arc::new(how)),
    };
    vec![
        odd("phones-home", "EXC-1", "calls the API after a sign-in, unasked", Oddity::PhonesHome),
        odd("stale-lock", "REC-6", "locks sign-ins out for ever when it is killed in one", Oddity::Locks),
        odd("garbled-call-signs-out", "REF-10", "signs out when an answer of the API is no JSON", Oddity::Blanks),
    ]
}
