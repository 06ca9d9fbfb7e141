//! Compares the observable behaviour of the parts of a walk with the model and the invariants.

use super::action::Action;
use super::in_process::InProcess;
use super::memory_storage::items;
use super::state::State;
use super::sut::Mismatch;
use hyper::header::CACHE_CONTROL;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use vouch_runner::invariant::Evidence;
use vouch_sim::wire::ExchangeOutcome;
use vouch_sim::wire::encodings::holds_id;
use vouch_spec::profile::IdpCall as AuthCall;
use vouch_spec::protocol::StatusWord;
use vouch_spec::protocol::message::Area;

/// The status changes that the SDK must report for an action that leads from one state to another (LIF-6).
pub(super) fn expected_status_changes(action: Action, before: &State, after: &State) -> Vec<&'static [StatusWord]> {
    match action {
        // `configure` and `setUserId`
        Action::UseKey(_) => vec![&[StatusWord::Configured], after.status()],
        _ if before.status() == after.status() => vec![],
        _ => vec![after.status()],
    }
}

impl InProcess {
    /// The number of token requests, sign-ins and sign-outs of the app since the last call of this method.
    pub fn take_app_operations(&self) -> usize {
        self.tokens_requested.swap(0, Ordering::Relaxed) + self.app_operations.swap(0, Ordering::Relaxed)
    }

    /// Compares the SDK's status, user and storage with a state of the model.
    pub fn matches(&self, state: &State) -> Result<(), Mismatch> {
        let unmet = |expected: String, got: String| Err(Mismatch { clause: None, expected, got });
        let status = match self.sdk.status() {
            Ok(status) => status,
            Err(error) => return unmet("a status".into(), format!("the error {}", error.kind)),
        };
        let wanted = state.status();
        if status.len() != wanted.len() || !wanted.iter().all(|word| status.contains(word)) {
            return unmet(format!("the status {wanted:?}"), format!("{status:?}"));
        }
        if wanted.is_empty() {
            let items = items(&self.disk);
            if let Some(item) = items.iter().find(|item| self.ids.iter().any(|id| holds_id(&item.value, id))) {
                return unmet("nothing of a user in storage".into(), format!("a user id in `{}`", item.key));
            }
            let tenant = self.network.cloud.store().team(self.home).tenant.clone();
            if let Some(item) = items.iter().find(|item| item.value.contains(&tenant)) {
                return unmet("no configuration in storage".into(), format!("the tenant in `{}`", item.key));
            }
        }
        let user = self.sdk.current_user_id().unwrap_or_default();
        let wanted = state.user().map(|person| self.id(person).to_owned());
        if user.as_deref().map(str::to_lowercase) != wanted {
            return unmet(format!("the user {:?}", state.user()), "another".into());
        }
        Ok(())
    }

    /// Checks that the reported status changes lead from one state to the next, without other statuses (LIF-6).
    pub fn changes_match(&self, action: Action, before: &State, after: &State) -> Result<(), Mismatch> {
        let set = |status: &[StatusWord]| status.iter().copied().collect::<BTreeSet<_>>();
        let mut reported = vec![set(before.status())];
        reported.extend(self.changes.iter().map(|status| set(status)));
        reported.dedup();
        let mut wanted = vec![set(before.status())];
        wanted.extend(expected_status_changes(action, before, after).into_iter().map(set));
        if reported == wanted {
            return Ok(());
        }
        let list = |sets: &[BTreeSet<StatusWord>]| format!("{sets:?}");
        Err(Mismatch {
            clause: Some("LIF-6"),
            expected: format!("the changes {}", list(&wanted)),
            got: list(&reported),
        })
    }

    /// Takes the status changes that were reported since the last call of this method.
    pub fn take_changes(&mut self) {
        self.changes = std::mem::take(&mut *self.reported.lock());
    }

    /// Checks the headers and fields of token responses: Cache-Control always, the fields of the RFCs if the profile claims them
    /// (IDP-5, IDP-6).
    fn token_answers(&mut self) -> Result<(), Mismatch> {
        let first = std::mem::replace(&mut self.answers_seen, self.network.transcript.len());
        self.network.transcript.read(|exchanges| {
            for exchange in exchanges[first..].iter().filter(|e| e.granted().is_some()) {
                let unmet = |clause, expected: &str| {
                    Err(Mismatch { clause: Some(clause), expected: expected.into(), got: "none".into() })
                };
                let ExchangeOutcome::Answered { headers, body, .. } = &exchange.outcome else { continue };
                if headers.get(CACHE_CONTROL).is_none_or(|value| value.as_bytes() != b"no-store") {
                    return unmet("IDP-5", "Cache-Control: no-store in a token response");
                }
                let text = String::from_utf8_lossy(body);
                if self.conditions.standard && !text.contains("\"token_type\"") {
                    return unmet("IDP-6", "token_type in a token response");
                }
                let exchanged = exchange.call() == Some(AuthCall::Exchange);
                if self.conditions.standard && exchanged && !text.contains("\"issued_token_type\"") {
                    return unmet("IDP-6", "issued_token_type in the response to an exchange");
                }
            }
            Ok(())
        })
    }

    /// Checks all invariants.
    pub fn invariants(&mut self, calls: usize) -> Result<(), Mismatch> {
        self.token_answers()?;
        let mut sdk = self.observed.lock().clone();
        let odd = self.changes.iter().find(|status| !vouch_spec::protocol::is_documented(status));
        sdk.undocumented_status = odd.cloned();
        let items = items(&self.disk);
        let (redactor, watch) = (&self.redactor, &mut self.watch);
        let breach = self.network.transcript.read(|exchanges| {
            let evidence = Evidence {
                items: &items,
                token_storage: &[Area::Secure],
                calls,
                idle: true,
                ..Evidence::of_traffic(redactor, &sdk, exchanges)
            };
            watch.after_step(&evidence).into_iter().next()
        });
        match breach {
            None => Ok(()),
            Some(breach) => Err(Mismatch {
                clause: Some(breach.clause),
                expected: breach.expected.to_owned(),
                got: self.redactor.scrub(&breach.got).to_string(),
            }),
        }
    }
}
