//! Reads how much CPU and memory a cloud under test uses, and how long its queue is: from its metrics in the Prometheus text
//! format, or from the processes that Vouch started for it.

use super::hook_command;
use super::http::{HttpCall, Template};
use super::metrics_text;
use super::usage::{cpu_time, memory_use};
use std::path::PathBuf;
use std::time::Duration;
use vouch_sim::wire::client;

/// The usual names of the metrics of a process, as Prometheus client libraries export them.
pub const USUAL_CPU: &str = "process_cpu_seconds_total";
pub const USUAL_MEMORY: &str = "process_resident_memory_bytes";

/// Where the metrics of a cloud come from, as the target file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsSpec {
    pub from: MetricsFrom,
    pub names: MetricNames,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsFrom {
    /// An endpoint, whose `$port` is not yet replaced.
    Url(Template),
    /// A command that prints the metrics.
    Command(Vec<String>),
}

/// The names of the metrics that are read. Samples with different labels are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricNames {
    /// A counter of CPU time, in seconds.
    pub cpu: String,
    /// A gauge in bytes.
    pub memory: String,
    /// A gauge: how many requests wait.
    pub queue: Option<String>,
}

/// What a system uses at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MetricsReading {
    /// The CPU time since its start, in seconds.
    pub cpu_seconds: Option<f64>,
    pub memory_bytes: Option<f64>,
    pub queue: Option<f64>,
}

/// Why the metrics could not be read.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    #[error("{0}")]
    Unreadable(String),
    #[error("the metrics have none of {}", .0.join(", "))]
    Missing(Vec<String>),
    #[error("the processes have ended")]
    Ended,
}

/// Reads the metrics of a running system.
#[derive(Clone)]
pub struct MetricsProbe(Probe);

#[derive(Clone)]
enum Probe {
    Url {
        client: reqwest::Client,
        url: String,
        names: MetricNames,
    },
    Command {
        words: Vec<String>,
        folder: PathBuf,
        environment: Vec<(String, String)>,
        names: MetricNames,
    },
    /// The processes of one group, on this machine.
    ProcessGroup(i32),
}

/// The longest that a reading may take.
const TIMEOUT: Duration = Duration::from_secs(2);

impl MetricsProbe {
    /// # Errors
    /// If no HTTP client can be made for the URL.
    pub(super) fn url(url: String, names: MetricNames) -> Result<Self, MetricsError> {
        let client =
            client(&url, TIMEOUT).map_err(|error| MetricsError::Unreadable(format!("no HTTP client: {error}")))?;
        Ok(Self(Probe::Url { client, url, names }))
    }

    pub(super) fn command(
        words: Vec<String>,
        folder: PathBuf,
        environment: Vec<(String, String)>,
        names: MetricNames,
    ) -> Self {
        Self(Probe::Command { words, folder, environment, names })
    }

    /// The processes of a group; `None` where this operating system does not tell of them.
    pub(super) fn process_group(group: i32) -> Option<Self> {
        cfg!(target_os = "linux").then_some(Self(Probe::ProcessGroup(group)))
    }

    /// Where the figures come from, for reports.
    pub fn source(&self) -> String {
        match &self.0 {
            Probe::Url { url, .. } => format!("the metrics at {}", without_query(url)),
            // Its arguments may have a secret.
            Probe::Command { words, .. } => {
                format!("the metrics that `{}` prints", words.first().map_or("", String::as_str))
            }
            Probe::ProcessGroup(_) => {
                "the processes that Vouch started on this machine (memory: their proportional set size, PSS)".into()
            }
        }
    }

    /// The metric of the queue, if the target file names one.
    pub fn queue_metric(&self) -> Option<&str> {
        match &self.0 {
            Probe::Url { names, .. } | Probe::Command { names, .. } => names.queue.as_deref(),
            Probe::ProcessGroup(_) => None,
        }
    }

    /// Reads once.
    ///
    /// # Errors
    /// If nothing can be read, or none of the metrics is there.
    pub async fn read(&self) -> Result<MetricsReading, MetricsError> {
        match &self.0 {
            Probe::Url { client, url, names } => MetricsReading::of_text(&fetch(client, url).await?, names),
            Probe::Command { words, folder, environment, names } => {
                let Some((program, args)) = words.split_first() else { return Err(MetricsError::Ended) };
                let output = hook_command::run((program, args), folder, environment.clone(), TIMEOUT).await;
                let output = output
                    .map_err(|failure| MetricsError::Unreadable(format!("`{program}` {}", failure.predicate())))?;
                MetricsReading::of_text(&output.stdout, names)
            }
            Probe::ProcessGroup(group) => MetricsReading::of_processes(*group),
        }
    }
}

/// A URL as reports show it: its query may have a secret.
fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(path, _)| path)
}

async fn fetch(client: &reqwest::Client, url: &str) -> Result<String, MetricsError> {
    let reply = HttpCall::get("").send(client, url, TIMEOUT).await;
    let reply = reply.map_err(|error| MetricsError::Unreadable(format!("{}: {error}", without_query(url))))?;
    if reply.status != 200 {
        return Err(MetricsError::Unreadable(format!("{} answered with status {}", without_query(url), reply.status)));
    }
    Ok(String::from_utf8_lossy(&reply.body).into_owned())
}

impl MetricsReading {
    /// Reads metrics in the Prometheus text format.
    fn of_text(text: &str, names: &MetricNames) -> Result<Self, MetricsError> {
        let reading = Self {
            cpu_seconds: metrics_text::sum(text, &names.cpu),
            memory_bytes: metrics_text::sum(text, &names.memory),
            queue: names.queue.as_deref().and_then(|name| metrics_text::sum(text, name)),
        };
        if reading == Self::default() {
            let queue = names.queue.iter().cloned();
            return Err(MetricsError::Missing(
                [names.cpu.clone(), names.memory.clone()].into_iter().chain(queue).collect(),
            ));
        }
        Ok(reading)
    }

    /// What the processes of a group use.
    fn of_processes(group: i32) -> Result<Self, MetricsError> {
        let groups = [group].into();
        let used = memory_use(&groups);
        if used.groups == 0 {
            return Err(MetricsError::Ended);
        }
        #[allow(clippy::cast_precision_loss, reason = "bytes far below 2^53")]
        let memory = used.bytes as f64;
        Ok(Self { cpu_seconds: Some(cpu_time(&groups).as_secs_f64()), memory_bytes: Some(memory), queue: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> MetricNames {
        MetricNames { cpu: USUAL_CPU.into(), memory: USUAL_MEMORY.into(), queue: Some("waiting".into()) }
    }

    const TEXT: &str = "# HELP process_cpu_seconds_total CPU time.\n# TYPE process_cpu_seconds_total counter\n\
        process_cpu_seconds_total{instance=\"a\"} 1.5\nprocess_cpu_seconds_total{instance=\"b, \\\"c\\\"\"} 2.25 1700000000000\n\
        # TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes 1.048576e+06\nwaiting NaN\nwaiting 7\n";

    #[test]
    fn instances_are_added_up() {
        let reading = MetricsReading::of_text(TEXT, &names()).expect("metrics");
        let of = |reading: MetricsReading| (reading.cpu_seconds, reading.memory_bytes, reading.queue);
        assert_eq!(of(reading), (Some(3.75), Some(1_048_576.0), Some(7.0)));
    }

    #[test]
    fn texts_without_the_metrics_are_an_error() {
        for text in ["", "<html>no</html>", "up 1\n", "process_cpu_seconds_total NaN\n", "\u{0}\u{ff}{{{"] {
            let error = MetricsReading::of_text(text, &names()).expect_err(text).to_string();
            assert!(error.contains("the metrics have none of process_cpu_seconds_total"), "{error}");
        }
    }

    #[tokio::test]
    async fn an_endpoint_is_scraped() {
        let server = wiremock::MockServer::start().await;
        let at = |path: &str, status: u16| {
            wiremock::Mock::given(wiremock::matchers::path(path.to_owned()))
                .respond_with(wiremock::ResponseTemplate::new(status).set_body_string(TEXT))
        };
        server.register(at("/metrics", 200)).await;
        server.register(at("/secret", 401)).await;
        let probe = |path: &str| MetricsProbe::url(format!("{}{path}", server.uri()), names()).expect("a probe");
        assert_eq!(probe("/metrics").read().await.expect("metrics").queue, Some(7.0));
        let error = probe("/secret").read().await.expect_err("refused").to_string();
        assert!(error.contains("answered with status 401"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn processes_of_a_group_are_measured_until_they_end() {
        use std::os::unix::process::CommandExt;
        let mut busy = std::process::Command::new("sh");
        let mut child = busy.args(["-c", "while :; do :; done"]).process_group(0).spawn().expect("a shell");
        let probe = MetricsProbe::process_group(i32::try_from(child.id()).expect("small")).expect("Linux");
        std::thread::sleep(Duration::from_millis(300));
        let reading = probe.read().await;
        child.kill().and_then(|()| child.wait()).expect("killed");
        let reading = reading.expect("it runs");
        assert!(reading.cpu_seconds.is_some_and(|cpu| cpu > 0.02), "{reading:?}");
        assert!(reading.memory_bytes.is_some_and(|memory| memory > 50_000.0), "{reading:?}");
        assert!(matches!(probe.read().await, Err(MetricsError::Ended)));
    }
}
