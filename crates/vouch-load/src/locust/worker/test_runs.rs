//! A worker through its test runs: starts one when users are asked for, reports what they do, and ends it.

use super::super::TRIED_WITH;
use super::super::connection::Link;
use super::super::engine::News;
use super::super::host_metrics::Meter;
use super::super::message::{Say, Spawn};
use super::super::run::{Phase, Run, report};
use super::super::test_plan::other_version;
use super::{Told, Worker, news};
use std::collections::BTreeMap;
use std::time::Instant;

impl Worker<'_> {
    pub(super) async fn spawn(&mut self, link: &mut Link, spawn: Spawn) {
        link.say(&Say::Spawning).await;
        if spawn.timestamp <= self.last_spawn {
            return;
        }
        self.last_spawn = spawn.timestamp;
        if self.run.is_none() {
            self.told.clear();
        }
        // For the person here only: an exception would make the master's exit code 1.
        if let Some(warning) = spawn.parsed_options.vouch_locust.as_deref().and_then(other_version) {
            self.note_once(warning);
        }
        if spawn.host.as_ref().is_some_and(|host| !host.is_empty()) {
            self.note_once("the master's host is not used: the target file says where the load goes".to_owned());
        }
        match &mut self.run {
            Some(run) if run.phase == Phase::Ending => {
                return self.note("the master asks for users while its last test run is still ending here".to_owned());
            }
            Some(run) => run.want(spawn),
            None => self.start(link, spawn).await,
        }
        self.state = "spawning";
    }

    async fn start(&mut self, link: &mut Link, spawn: Spawn) {
        self.runs += 1;
        let (run, told) = Run::start(self.runs, spawn, &self.means);
        self.meter = Meter::new(run.threads());
        self.run = Some(run);
        for what in told {
            self.warn(link, what).await;
        }
    }

    /// Tells that all users are there, when they are.
    pub(super) async fn look(&mut self, link: &mut Link) {
        if let Some(run) = self.run.as_ref().filter(|run| run.settled()) {
            link.say(&Say::SpawningComplete(run.counts())).await;
            self.state = "running";
        }
    }

    pub(super) async fn report(&mut self, link: &mut Link) {
        let Some(run) = &mut self.run else {
            link.say(&Say::Stats(Box::new(report(BTreeMap::new())))).await;
            return;
        };
        let report = run.report();
        let requests = report.stats_total.num_requests;
        if !link.say(&Say::Stats(Box::new(report))).await {
            run.unreported += requests;
        }
        let starving: Vec<String> = run.starved.keys().map(|class| run.starving(class)).collect();
        for what in starving {
            self.warn(link, what).await;
        }
    }

    /// The master stops the test run.
    pub(super) async fn stop(&mut self, link: &mut Link) {
        let ends_later = self.run.as_mut().is_some_and(Run::stop);
        if !ends_later {
            self.ended(Some(link)).await;
            link.say(&Say::Stopped).await;
            self.ready(link).await;
        }
    }

    /// What is left to report when all users are gone.
    async fn ended(&mut self, link: Option<&mut Link>) {
        let Some(run) = &mut self.run else { return };
        let report = run.report();
        let requests = report.stats_total.num_requests;
        let said = match link {
            Some(link) => link.say(&Say::Stats(Box::new(report))).await,
            None => false,
        };
        if !said {
            run.unreported += requests;
        }
        let (summary, unreported) = (run.summary(), run.unreported);
        if unreported > 0 {
            self.note(format!("{unreported} requests were not reported: the master was gone"));
        }
        (self.tell)(Told::Summary(summary));
    }

    async fn ready(&mut self, link: &mut Link) {
        self.run = None;
        (self.heard_at, self.state) = (Instant::now(), "ready");
        link.say(&Say::Ready(TRIED_WITH)).await;
    }

    /// Follows what the engine tells.
    pub(super) async fn hear_of(&mut self, link: &mut Link, news: News) {
        let Some(run) = &mut self.run else { return };
        match news {
            News::Making(what, count) => self.note(format!("making {count} {what}")),
            News::Working(counters) => {
                run.counters = Some(counters);
                if run.phase == Phase::Preparing {
                    run.phase = Phase::Working;
                }
            }
            News::Ended(_) | News::Failed(_) if run.phase == Phase::Ending => {
                run.conclude(news);
                self.ended(Some(link)).await;
                link.say(&Say::Stopped).await;
            }
            News::Ended(_) => {
                run.conclude(news);
                self.report(link).await;
            }
            News::Failed(trouble) => {
                if run.phase != Phase::Restarting {
                    run.phase = Phase::Broken;
                    let help = trouble.help.map(|help| format!("; {help}")).unwrap_or_default();
                    self.warn(link, format!("{}{help}", trouble.what)).await;
                }
            }
            News::Over { left } => self.over(link, left).await,
        }
    }

    /// The engine is gone.
    async fn over(&mut self, link: &mut Link, left: u64) {
        self.tell_left(left);
        let Some(run) = &mut self.run else { return };
        run.engine = None;
        match run.phase {
            Phase::Ending => self.ready(link).await,
            Phase::Restarting => {
                let told = run.begin(&self.means);
                self.state = "spawning";
                for what in told {
                    self.warn(link, what).await;
                }
            }
            _ => {}
        }
    }

    fn tell_left(&mut self, left: u64) {
        if left > 0 {
            self.note(format!("{left} users that were made could not be deleted"));
        }
    }

    /// Ends the test run, if there is one, and waits until all is taken away. Without a link the master does not on_event of it.
    pub(super) async fn finish(&mut self, mut link: Option<&mut Link>) {
        let Some(mut run) = self.run.take() else { return };
        let mut summed = false;
        if run.stop() {
            self.run = Some(run);
            loop {
                let news = news(&mut self.run).await;
                let Some(run) = &mut self.run else { break };
                match news {
                    News::Making(..) => {}
                    News::Working(counters) => run.counters = Some(counters),
                    News::Ended(_) | News::Failed(_) if !summed => {
                        run.conclude(news);
                        self.ended(link.as_deref_mut()).await;
                        summed = true;
                    }
                    News::Ended(_) | News::Failed(_) => {}
                    News::Over { left } => {
                        self.tell_left(left);
                        break;
                    }
                }
            }
        } else {
            self.run = Some(run);
        }
        if !summed {
            self.ended(link).await;
        }
        (self.run, self.state) = (None, "ready");
    }
}
