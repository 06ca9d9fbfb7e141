//! What follows from the outcome of a request: what is recorded, whether a fault takes the answer away, and what the
//! installation does next.

use super::{ArrivalSource, InFlight, RequestOutcome, Scheduler};
use crate::check::ResponseCheck;
use crate::endpoints::LoadCall;
use crate::failure::{Failure, WrongResponse};
use crate::faults::{Attempt, FaultKind, Injection, Waiting};
use crate::installations::Tokens;
use crate::measure::Series;
use crate::token_claims::TokenOrigin;
use crate::workload::OnComplete;
use std::time::Duration;

/// What becomes of an answer on its way to the installation.
enum Delivery {
    Arrives,
    /// It arrives at this time.
    ArrivesAt(u64),
    /// It is taken away, which the installation notices at this time.
    Taken {
        hit: Injection,
        noticed: u64,
        before: Option<Tokens>,
    },
}

impl Scheduler {
    /// Takes the next retry or delayed answer that is due until `now`.
    pub(super) fn next_waiting(&mut self, now: u64) -> Option<InFlight> {
        loop {
            match self.injector.as_mut()?.take_due(now)? {
                Waiting::Retry(request, _) | Waiting::Call(request) => {
                    self.record.second.started += u64::from(request.attempt.number > 0);
                    return Some(request);
                }
                Waiting::Installation(request) => self.release_installation(&request, None),
            }
        }
    }

    /// Returns a request that is to be sent; `None` if a fault refuses it instead.
    pub(super) fn admit(&mut self, request: InFlight, now: u64) -> Option<InFlight> {
        match self.hit(&request) {
            Some(hit) if !hit.kind.is_sent() => {
                let retry_after = if let FaultKind::Status { retry_after, .. } = hit.kind { retry_after } else { None };
                self.apply_fault(hit, request, now, retry_after);
                None
            }
            _ => Some(request),
        }
    }

    fn hit(&self, request: &InFlight) -> Option<Injection> {
        self.injector.as_ref()?.hit(&request.attempt, request.step, self.call(request))
    }

    /// Whether a fault ends the connection of a request.
    pub fn is_reset(&self, request: &InFlight) -> bool {
        self.hit(request).is_some_and(|hit| hit.kind == FaultKind::Reset)
    }

    /// Records the outcome of a request that was sent at `sent`. Returns the next request of the workload, if any.
    pub fn resolve(
        &mut self,
        request: InFlight,
        outcome: &RequestOutcome<'_>,
        sent: u64,
        now: u64,
    ) -> Option<InFlight> {
        let (call, id) = (self.call(&request), request.installation_id);
        let hit = self.hit(&request).filter(|hit| hit.kind.is_sent());
        let is_refresh = call == LoadCall::Refresh;
        let used_by = self.installations.get_mut(id).used_by.filter(|_| is_refresh);
        let before = hit.filter(|_| is_refresh).map(|_| self.installations.get_mut(id).tokens());
        let (check, retry_after) = match outcome {
            RequestOutcome::Response { response, retry_after } => {
                let origin = TokenOrigin { workload: request.workload, step: request.step };
                (self.checker.check(call, origin, id, &mut self.installations, response), *retry_after)
            }
            RequestOutcome::Failed(failure, example) => (Err((*failure, (*example).to_owned())), None),
        };
        self.last_was_good = check.is_ok();
        if let Some(tracer) = &mut self.tracer {
            let status =
                if let RequestOutcome::Response { response, .. } = outcome { Some(response.status) } else { None };
            let failure = check.as_ref().err().map(|(failure, _)| failure.to_string());
            tracer.record(request.number(), call.name(), (sent, now), status, failure);
        }
        if let (Some(fault), Some(injector)) = (used_by, &mut self.injector)
            && injector.report.faults[usize::from(fault)].record_used_token(&check)
        {
            // The consequence of a fault is no failure of the server.
            self.active_chains = self.active_chains.saturating_sub(1);
            self.installations.release(id);
            return None;
        }
        let delivery = match hit.filter(|_| check.is_ok()) {
            None => Delivery::Arrives,
            Some(hit) => self.delivery(hit, before, sent, now),
        };
        let last = usize::from(request.step) + 1 == self.workloads[usize::from(request.workload)].calls.len();
        let ends = check.is_err() || last && !matches!(delivery, Delivery::Taken { .. });
        self.record_outcome(&request, &check, ends, (sent, now));
        self.record_user(&request, outcome, &check, ends, now);
        match (delivery, check) {
            (Delivery::Taken { hit, noticed, before }, _) => {
                if let Some(before) = before {
                    self.installations.get_mut(id).restore(before, hit.fault);
                }
                self.apply_fault(hit, request, noticed, None);
                None
            }
            (_, Err((failure, _))) => {
                self.on_failure(request, call, failure, retry_after, now);
                None
            }
            (delivery, Ok(())) => {
                if let (Some(cause), Some(injector)) = (request.attempt.cause, &mut self.injector) {
                    injector.recovered(cause, now);
                }
                let service = request.earlier_service.saturating_add(now.saturating_sub(sent));
                self.advance(InFlight { earlier_service: service, ..request }, last, delivery, now)
            }
        }
    }

    /// Decides what becomes of a good answer that a fault hits.
    fn delivery(&mut self, hit: Injection, before: Option<Tokens>, sent: u64, now: u64) -> Delivery {
        let Some(injector) = &mut self.injector else { return Delivery::Arrives };
        let timeout = injector.timeout_of(sent).max(now);
        match hit.kind {
            FaultKind::Delayed(by) => {
                let at = now.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX));
                if at < timeout {
                    injector.report.faults[usize::from(hit.fault)].injected += 1;
                    return Delivery::ArrivesAt(at);
                }
                Delivery::Taken { hit, noticed: timeout, before }
            }
            FaultKind::Lost => Delivery::Taken { hit, noticed: timeout, before },
            // The other faults are not sent.
            FaultKind::Reset | FaultKind::Status { .. } | FaultKind::Refused => {
                Delivery::Taken { hit, noticed: now, before }
            }
        }
    }

    /// Records an outcome in the series. `ends`: of the workload too.
    fn record_outcome(&mut self, request: &InFlight, check: &ResponseCheck, ends: bool, (sent, now): (u64, u64)) {
        let workload = usize::from(request.workload);
        let several = self.workloads[workload].calls.len() > 1;
        let latency = now.saturating_sub(request.intended);
        if ends || !several {
            self.record.second.record_check(check, latency);
        }
        let window = &self.window;
        let (measured, beyond) = (self.is_measured(request), self.is_beyond(request));
        // It was due only when the load was over: the server has not fallen behind.
        let is_late_retry = request.attempt.number > 0 && request.attempt.ready >= window.end;
        let mut record_series = |at: usize, latency, service| {
            let series = &mut self.record.series[workload][at];
            // Wrong responses count in the warm-up too, and all failures after the end.
            if measured || check.as_ref().is_err_and(|(failure, _)| beyond || failure.is_wrong()) {
                series.record_check(check, latency, service);
            }
            if check.is_ok() {
                match measured && is_late_retry {
                    true => series.completions.record_late_retry(),
                    false => series.completions.record(window, measured, now),
                }
            }
        };
        let service = now.saturating_sub(sent);
        if several {
            record_series(1 + usize::from(request.step), now.saturating_sub(request.due), service);
        }
        if ends || !several {
            record_series(0, latency, request.earlier_service.saturating_add(service));
        }
    }

    /// Whether a pause of a fault moved a call beyond the end of the load.
    fn is_beyond(&self, request: &InFlight) -> bool {
        request.attempt.shifted && request.intended >= self.window.end
    }

    fn is_measured(&self, request: &InFlight) -> bool {
        request.intended >= self.window.start && !self.is_beyond(request)
    }

    /// Whether the outcome that was resolved last was good.
    pub fn last_was_good(&self) -> bool {
        self.last_was_good
    }

    /// Counts a good response as wrong because more came after it on its connection. `what`: what came.
    pub fn record_excess(&mut self, request: &InFlight, what: &str) {
        if self.call(request) == LoadCall::DeleteUser {
            return;
        }
        let (measured, step) = (self.is_measured(request), usize::from(request.step));
        let series = &mut self.record.series[usize::from(request.workload)];
        if measured {
            return Series::reclassify_call_as_wrong(series, step, WrongResponse::ExcessBytes, what);
        }
        for at in [0, 1 + step] {
            if let Some(series) = series.get_mut(at) {
                series.failed(Failure::Wrong(WrongResponse::ExcessBytes), 0, || what.to_owned());
            }
        }
    }

    /// Reports an outcome to the users of a closed model.
    fn record_user(
        &mut self,
        request: &InFlight,
        outcome: &RequestOutcome<'_>,
        check: &ResponseCheck,
        ends: bool,
        now: u64,
    ) {
        let ArrivalSource::Users(users) = &mut self.source else { return };
        let bytes = if let RequestOutcome::Response { response, .. } = outcome { response.body.len() } else { 0 };
        let failure = check.as_ref().err().map(|(failure, _)| *failure);
        users.record((request.workload, request.step), failure, now.saturating_sub(request.due), bytes);
        if ends {
            users.on_complete(request.workload, now);
        }
    }

    /// Goes on after a good answer.
    fn advance(&mut self, request: InFlight, last: bool, delivery: Delivery, now: u64) -> Option<InFlight> {
        let attempt = Attempt { number: 0, cause: None, ready: now, ..request.attempt };
        let next = InFlight { step: request.step + 1, due: now, attempt, ..request };
        match (delivery, &mut self.injector) {
            (Delivery::ArrivesAt(at), Some(injector)) => {
                let pause = at - now;
                let attempt = Attempt { ready: at, shifted: true, ..attempt };
                let next = InFlight { due: at, intended: request.intended.saturating_add(pause), attempt, ..next };
                let waiting = if last { Waiting::Installation(request) } else { Waiting::Call(next) };
                if !injector.wait_until(at, waiting) {
                    self.release_installation(&request, None);
                }
                None
            }
            _ if last => {
                self.release_installation(&request, None);
                None
            }
            _ => self.admit(next, now),
        }
    }

    /// Goes on after a call that failed at the server: retries it where an SDK would.
    fn on_failure(
        &mut self,
        request: InFlight,
        call: LoadCall,
        failure: Failure,
        retry_after: Option<Duration>,
        now: u64,
    ) {
        let Some(injector) = &mut self.injector else { return self.release_installation(&request, Some(failure)) };
        injector.record_failure(request.attempt.cause, failure, retry_after);
        if !failure.is_temporary() {
            return self.release_installation(&request, Some(failure));
        }
        // A sign-in token may be used up by the exchange that failed.
        let next = injector.next_attempt(&request.attempt, now, retry_after).filter(|_| call != LoadCall::Exchange);
        let Some(next) = next else {
            injector.report.retries.gave_up += 1;
            return self.hold(&request, now, retry_after);
        };
        let attempt = Attempt { number: request.attempt.number + 1, ready: next, ..request.attempt };
        if injector.wait_until(next, Waiting::Retry(InFlight { attempt, ..request }, None)) {
            injector.report.retries.retries += 1;
        } else {
            injector.report.retries.unfinished += 1;
            self.release_installation(&request, Some(failure));
        }
    }

    /// Goes on after a fault has taken an answer away, or refused the call. `noticed`: when the installation knows.
    fn apply_fault(&mut self, hit: Injection, request: InFlight, noticed: u64, retry_after: Option<Duration>) {
        let call = self.call(&request);
        let Some(injector) = &mut self.injector else { return };
        let next = injector.next_attempt(&request.attempt, noticed, retry_after);
        let outcome = &mut injector.report.faults[usize::from(hit.fault)];
        outcome.injected += 1;
        if call == LoadCall::Exchange {
            outcome.failed_sign_ins += 1;
            return self.hold(&request, noticed, retry_after);
        }
        let Some(next) = next else {
            outcome.gave_up += 1;
            return self.hold(&request, noticed, retry_after);
        };
        let attempt = Attempt {
            number: request.attempt.number + 1,
            ready: next,
            cause: Some(hit.fault),
            shifted: true,
            ..request.attempt
        };
        // The planned pause is no latency of the server.
        let pause = next.saturating_sub(request.due);
        let retry = InFlight { due: next, intended: request.intended.saturating_add(pause), attempt, ..request };
        if injector.wait_until(next, Waiting::Retry(retry, Some(hit.fault))) {
            injector.report.faults[usize::from(hit.fault)].retries += 1;
        } else {
            injector.report.faults[usize::from(hit.fault)].unfinished += 1;
            self.release_installation(&request, Some(Failure::TimedOut));
        }
    }

    /// Releases an installation whose call failed, once `Retry-After` is over.
    fn hold(&mut self, request: &InFlight, now: u64, retry_after: Option<Duration>) {
        let wait = retry_after.map_or(0, crate::client::nanoseconds);
        let held = |injector: &mut crate::faults::FaultInjector| {
            wait > 0 && injector.wait_until(now.saturating_add(wait), Waiting::Installation(*request))
        };
        if !self.injector.as_mut().is_some_and(held) {
            self.release_installation(request, Some(Failure::TimedOut));
        }
    }

    /// Releases an installation at the end of a workload.
    pub(super) fn release_installation(&mut self, request: &InFlight, failure: Option<Failure>) {
        self.active_chains = self.active_chains.saturating_sub(1);
        let call = self.call(request);
        let workload = &self.workloads[usize::from(request.workload)];
        let refused = matches!(failure, Some(Failure::Status(400 | 401 | 403))) && call == LoadCall::Refresh;
        match workload.on_complete {
            // A refused refresh signs the app out; without a response the app keeps its tokens and retries later.
            OnComplete::Return if workload.needs_installation() && !refused => {
                self.installations.return_idle(request.installation_id);
            }
            OnComplete::Join if failure.is_none() => self.installations.return_idle(request.installation_id),
            OnComplete::StoreToken if failure.is_none() => self.installations.store_token(request.installation_id),
            _ => {
                self.record.signed_out += u64::from(refused);
                self.installations.release(request.installation_id);
            }
        }
    }
}
