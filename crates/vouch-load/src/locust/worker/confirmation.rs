//! Which reports a master has counted. Locust confirms no report. It answers heartbeats, and it handles the messages of a
//! worker in their order: the answer to a heartbeat confirms the reports that were sent before it. The answer to
//! `client_ready` confirms them too.

use std::collections::VecDeque;

/// The requests of reports that the master has not confirmed yet.
#[derive(Default)]
pub struct UnconfirmedReports {
    heartbeats_sent: u64,
    heartbeats_answered: u64,
    /// `heartbeats_sent` when `client_ready` was sent.
    sent_at_ready: u64,
    /// For each report: `heartbeats_sent` when it was sent, and its requests.
    reports: VecDeque<(u64, u64)>,
}

impl UnconfirmedReports {
    pub fn report_sent(&mut self, requests: u64) {
        if requests > 0 {
            self.reports.push_back((self.heartbeats_sent, requests));
        }
    }

    pub fn heartbeat_sent(&mut self) {
        self.heartbeats_sent += 1;
    }

    /// The master may leave heartbeats unanswered: then too few reports count as confirmed, never too many.
    pub fn heartbeat_answered(&mut self) {
        self.heartbeats_answered = (self.heartbeats_answered + 1).min(self.heartbeats_sent);
        while self.reports.front().is_some_and(|(sent_before, _)| *sent_before < self.heartbeats_answered) {
            self.reports.pop_front();
        }
    }

    pub fn ready_sent(&mut self) {
        self.sent_at_ready = self.heartbeats_sent;
    }

    /// The master has acknowledged `client_ready`. It does not answer heartbeats of a worker that is stopping.
    pub fn ready_acknowledged(&mut self) {
        self.heartbeats_answered = self.heartbeats_answered.max(self.sent_at_ready);
        self.reports.retain(|(sent_before, _)| *sent_before > self.sent_at_ready);
    }

    /// Forgets all reports. Returns their requests.
    pub fn take(&mut self) -> u64 {
        self.reports.drain(..).map(|(_, requests)| requests).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_heartbeat_confirms_the_reports_before_it() {
        let mut unconfirmed = UnconfirmedReports::default();
        unconfirmed.heartbeat_sent();
        unconfirmed.report_sent(5);
        unconfirmed.heartbeat_answered();
        unconfirmed.heartbeat_sent();
        unconfirmed.report_sent(7);
        unconfirmed.heartbeat_answered();
        assert_eq!(unconfirmed.take(), 7, "the second answer confirms the first report only");
    }

    #[test]
    fn an_acknowledged_ready_makes_up_for_unanswered_heartbeats() {
        let mut unconfirmed = UnconfirmedReports::default();
        (0..60).for_each(|_| unconfirmed.heartbeat_sent());
        unconfirmed.report_sent(5);
        unconfirmed.ready_sent();
        unconfirmed.heartbeat_sent();
        unconfirmed.ready_acknowledged();
        unconfirmed.report_sent(7);
        unconfirmed.heartbeat_answered();
        assert_eq!(unconfirmed.reports, [(61, 7)]);
        unconfirmed.heartbeat_sent();
        unconfirmed.heartbeat_answered();
        assert_eq!(unconfirmed.take(), 0);
    }
}
