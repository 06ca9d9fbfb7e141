//! The test runs of a worker: starts one when users are requested, reports its requests, and ends it.

use super::super::TESTED_VERSION;
use super::super::connection::MasterConnection;
use super::super::engine::EngineEvent;
use super::super::host_metrics::CpuMeter;
use super::super::message::{Spawn, WorkerMessage};
use super::super::run::{Phase, TestRun, report};
use super::super::test_plan::version_warning;
use super::{Worker, WorkerEvent, engine_event};
use std::collections::BTreeMap;
use std::time::Instant;

impl Worker<'_> {
    pub(super) async fn spawn(&mut self, connection: &mut MasterConnection, spawn: Spawn) {
        connection.send(&WorkerMessage::Spawning).await;
        if spawn.timestamp <= self.last_spawn {
            return;
        }
        self.last_spawn = spawn.timestamp;
        if self.run.is_none() {
            self.noted.clear();
        }
        // Not reported to the master: an exception would change its exit code to 1.
        if let Some(warning) = spawn.parsed_options.vouch_locust.as_deref().and_then(version_warning) {
            self.note_once(warning);
        }
        if spawn.host.as_ref().is_some_and(|host| !host.is_empty()) {
            self.note_once("the master's host is ignored: the target file defines the target".to_owned());
        }
        match &mut self.run {
            Some(run) if run.phase == Phase::Ending => {
                return self
                    .note("the master requests users while its last test run is still stopping here".to_owned());
            }
            Some(run) => run.set_users(spawn),
            None => self.start(connection, spawn).await,
        }
        self.state = "spawning";
    }

    async fn start(&mut self, connection: &mut MasterConnection, spawn: Spawn) {
        self.print_summary();
        self.runs += 1;
        let (run, noted) = TestRun::start(self.runs, spawn, &self.run_options);
        self.meter = CpuMeter::new(run.threads());
        self.run = Some(run);
        for what in noted {
            self.warn(connection, what).await;
        }
    }

    /// Reports that all users have spawned, once they have.
    pub(super) async fn report_if_spawned(&mut self, connection: &mut MasterConnection) {
        if let Some(run) = self.run.as_ref().filter(|run| run.is_settled()) {
            connection.send(&WorkerMessage::SpawningComplete(run.counts())).await;
            self.state = "running";
        }
    }

    pub(super) async fn report(&mut self, connection: &mut MasterConnection) {
        let Some(run) = &mut self.run else {
            connection.send(&WorkerMessage::Stats(Box::new(report(BTreeMap::new())))).await;
            return;
        };
        let report = run.report();
        let requests = report.stats_total.num_requests;
        if connection.send(&WorkerMessage::Stats(Box::new(report))).await {
            self.unconfirmed.report_sent(requests);
        } else {
            run.unreported += requests;
        }
        let starvation_note: Vec<String> = run.starved.keys().map(|class| run.starvation_note(class)).collect();
        for what in starvation_note {
            self.warn(connection, what).await;
        }
    }

    /// The master stops the test run.
    pub(super) async fn stop(&mut self, connection: &mut MasterConnection) {
        let ends_later = self.run.as_mut().is_some_and(TestRun::stop);
        if !ends_later {
            self.send_final_report(Some(connection)).await;
            connection.send(&WorkerMessage::Stopped).await;
            self.become_ready(connection).await;
        }
    }

    /// Sends the last report of a run.
    async fn send_final_report(&mut self, connection: Option<&mut MasterConnection>) {
        let Some(run) = self.run.as_mut().filter(|run| !run.last_report_made) else { return };
        run.last_report_made = true;
        let report = run.report();
        let requests = report.stats_total.num_requests;
        let sent = match connection {
            Some(connection) => connection.send(&WorkerMessage::Stats(Box::new(report))).await,
            None => false,
        };
        if sent {
            self.unconfirmed.report_sent(requests);
        } else {
            run.unreported += requests;
        }
    }

    /// Prints the totals of the run that has ended, once.
    pub(super) fn print_summary(&mut self) {
        let Some(run) = self.ended.take() else { return };
        let (summary, unreported) = (run.summary(), run.unreported);
        if unreported > 0 {
            let (all, number) = (&summary["requests"], &summary["run"]);
            self.note(format!(
                "{unreported} of the {all} requests of run {number} were not reported, or the master did not confirm them \
                 before the connection was lost; the summary counts them, the master may not"
            ));
        }
        (self.on_event)(WorkerEvent::Summary(summary));
    }

    async fn become_ready(&mut self, connection: &mut MasterConnection) {
        if let Some(run) = self.run.take() {
            self.print_summary();
            self.ended = Some(run);
        }
        (self.last_message_at, self.state) = (Instant::now(), "ready");
        connection.send(&WorkerMessage::Ready(TESTED_VERSION)).await;
        self.unconfirmed.ready_sent();
    }

    /// Handles an event of the engine.
    pub(super) async fn on_engine_event(&mut self, connection: &mut MasterConnection, event: EngineEvent) {
        let Some(run) = &mut self.run else { return };
        match event {
            EngineEvent::Preparing(what, count) => self.note(format!("creating {count} {what}")),
            EngineEvent::Started(counters) => {
                run.counters = Some(counters);
                if run.phase == Phase::Preparing {
                    run.phase = Phase::Working;
                }
            }
            EngineEvent::Finished(_) | EngineEvent::Failed(_) if run.phase == Phase::Ending => {
                run.conclude(event);
                self.send_final_report(Some(connection)).await;
                connection.send(&WorkerMessage::Stopped).await;
            }
            EngineEvent::Finished(_) => {
                run.conclude(event);
                self.report(connection).await;
            }
            EngineEvent::Failed(error) => {
                if run.phase != Phase::Restarting {
                    run.phase = Phase::Failed;
                    let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
                    self.warn(connection, format!("{}{help}", error.what)).await;
                }
            }
            EngineEvent::CleanedUp { undeleted_users } => self.on_cleaned_up(connection, undeleted_users).await,
        }
    }

    /// The engine has ended.
    async fn on_cleaned_up(&mut self, connection: &mut MasterConnection, undeleted_users: u64) {
        self.note_undeleted(undeleted_users);
        let Some(run) = &mut self.run else { return };
        run.engine = None;
        match run.phase {
            Phase::Ending => self.become_ready(connection).await,
            Phase::Restarting => {
                let noted = run.start_engine(&self.run_options);
                self.state = "spawning";
                for what in noted {
                    self.warn(connection, what).await;
                }
            }
            _ => {}
        }
    }

    fn note_undeleted(&mut self, undeleted_users: u64) {
        if undeleted_users > 0 {
            self.note(format!("{undeleted_users} created users could not be deleted"));
        }
    }

    /// Ends the test run, if there is one, and waits until everything is deleted. Without a connection nothing is reported.
    pub(super) async fn finish(&mut self, mut connection: Option<&mut MasterConnection>) {
        self.print_summary();
        if self.run.as_mut().is_some_and(TestRun::stop) {
            loop {
                let event = engine_event(&mut self.run).await;
                let Some(run) = &mut self.run else { break };
                match event {
                    EngineEvent::Preparing(..) => {}
                    EngineEvent::Started(counters) => run.counters = Some(counters),
                    EngineEvent::Finished(_) | EngineEvent::Failed(_) => {
                        run.conclude(event);
                        self.send_final_report(connection.as_deref_mut()).await;
                    }
                    EngineEvent::CleanedUp { undeleted_users } => {
                        self.note_undeleted(undeleted_users);
                        break;
                    }
                }
            }
        }
        self.send_final_report(connection).await;
        (self.ended, self.state) = (self.run.take(), "ready");
        self.print_summary();
    }
}
