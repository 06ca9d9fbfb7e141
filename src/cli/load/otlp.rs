//! `vouch load --otlp`.

use crate::cli::CliError;
use vouch_load::Round;
use vouch_load::otlp::{OtlpExporter, is_grpc_port};
use vouch_load::record::LoadSettings;
use vouch_runner::report::print_stderr;
use vouch_spec::base_url::BaseUrl;

const GRPC_HELP: &str =
    "Vouch speaks OTLP/HTTP and not OTLP/gRPC, whose usual port is 4317; give the port of OTLP/HTTP, usually 4318";

/// Where the figures of a load go while it runs.
#[derive(clap::Args)]
pub struct OtlpArgs {
    /// Send metrics to an OpenTelemetry collector each second, over OTLP/HTTP, for example `http://127.0.0.1:4318`.
    #[arg(long, value_name = "URL", value_parser = base_url, conflicts_with_all = ["baseline", "find_max_rate"])]
    otlp: Option<String>,

    /// Trace this share of the arrivals, from 0 to 1: their requests carry `traceparent`, and their spans go to the collector.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, requires = "otlp", value_parser = share)]
    pub trace_ratio: f64,
}

fn base_url(text: &str) -> Result<String, String> {
    text.parse::<BaseUrl>().map(|_| text.to_owned()).map_err(|error| format!("it {error}"))
}

fn share(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or("expected a number from 0 to 1")
}

impl OtlpArgs {
    /// Connects to the collector, if there is one.
    pub fn connect(&self, settings: &LoadSettings) -> Result<Option<OtlpExporter>, CliError> {
        let Some(url) = &self.otlp else { return Ok(None) };
        // Not an error: a collector may have OTLP/HTTP there.
        if is_grpc_port(url) {
            print_stderr(format!("vouch: --otlp {url}: {GRPC_HELP}"));
        }
        let exporter = OtlpExporter::new(url, &settings.title, &settings.target);
        exporter.map(Some).map_err(|error| CliError::Environment(format!("--otlp {url}: {error}")))
    }
}

/// Sends the rest, and says what came of it. A collector that does not answer is a warning: the load has its results.
pub fn finish(exporter: OtlpExporter, round: &Round) {
    let done = exporter.finish(round);
    match done.first_error {
        None => print_stderr(format!("otlp: {} exports, {} spans", done.requests, done.spans)),
        Some(error) => {
            let help = if done.is_grpc { format!("\n  help: {GRPC_HELP}") } else { String::new() };
            let lost = match done.lost_spans {
                0 => String::new(),
                lost => format!("; {lost} of {} spans were lost", lost + done.spans),
            };
            print_stderr(format!(
                "vouch: {} of {} exports to the OpenTelemetry collector failed{lost}; the first: {error}{help}",
                done.failed, done.requests
            ));
        }
    }
}
