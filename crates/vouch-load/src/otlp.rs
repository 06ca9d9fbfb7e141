//! Sends the figures of a load to an OpenTelemetry collector, over OTLP/HTTP: metrics each second while it runs, and at its end
//! what faults led to, and the spans of traced calls.

use crate::faults::FAULT_COUNTS;
use crate::system::SystemSample;
use crate::traces::TracedCall;
use crate::{FaultReport, IntervalStats, Round};
use async_trait::async_trait;
use hyper::body::Bytes;
use opentelemetry::metrics::{Counter, Gauge, MeterProvider as _};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Handle;
use vouch_sim::wire::client;
use vouch_spec::base_url::BaseUrl;

/// The registered port of OTLP/gRPC. That of OTLP/HTTP is 4318.
const GRPC_PORT: u16 = 4317;
/// How long one export may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The time between two exports of metrics.
const INTERVAL: Duration = Duration::from_secs(1);
/// So many spans are in one export.
const SPANS_A_REQUEST: usize = 512;

/// The connection of a load to a collector.
pub struct OtlpExporter {
    provider: SdkMeterProvider,
    spans: SpanExporter,
    exports: Arc<Exports>,
    is_grpc_port: bool,
    responses: Counter<u64>,
    arrivals: Counter<u64>,
    latency: Gauge<f64>,
    start_delay: Gauge<f64>,
    generator_cpu: Gauge<f64>,
    system: SystemGauges,
}

/// The gauges of what the system under test uses.
#[derive(Clone)]
pub struct SystemGauges {
    cpu: Gauge<f64>,
    memory: Gauge<f64>,
    queue: Gauge<f64>,
}

impl SystemGauges {
    /// Takes a reading. What it does not have is not sent.
    pub fn record(&self, sample: &SystemSample) {
        for (gauge, value) in
            [(&self.cpu, sample.cpu), (&self.memory, sample.memory_bytes), (&self.queue, sample.queue)]
        {
            if let Some(value) = value {
                gauge.record(value, &[]);
            }
        }
    }
}

/// What became of the exports.
#[derive(Debug, Default)]
struct Exports {
    all: Mutex<ExportSummary>,
}

/// The exports of a load, for its user.
#[derive(Debug, Default)]
pub struct ExportSummary {
    pub spans: usize,
    pub requests: u64,
    pub failed: u64,
    /// Why the first failed.
    pub first_error: Option<String>,
    /// One failed, and the collector seems to speak OTLP/gRPC there: its port is that of OTLP/gRPC, or its answer was not HTTP/1.1.
    pub is_grpc: bool,
}

/// Our HTTP client, which needs a tokio runtime, for the threads of the OpenTelemetry SDK, which have none.
#[derive(Debug)]
struct CollectorClient {
    client: reqwest::Client,
    runtime: Handle,
    exports: Arc<Exports>,
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(
        &self,
        request: opentelemetry_http::Request<Bytes>,
    ) -> Result<opentelemetry_http::Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let mut response = client.execute(request.try_into()?).await?;
            let mut answer = opentelemetry_http::Response::builder().status(response.status());
            if let Some(headers) = answer.headers_mut() {
                std::mem::swap(headers, response.headers_mut());
            }
            Ok::<_, HttpError>(answer.body(response.bytes().await?)?)
        });
        let sent = sent.await.map_err(HttpError::from).and_then(|sent| sent);
        let mut all = self.exports.all.lock();
        all.requests += 1;
        match &sent {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => all.add_failure(format!("it answered with status {}", answer.status().as_u16())),
            Err(error) => {
                all.is_grpc |= is_other_protocol(error.as_ref());
                all.add_failure(innermost(error.as_ref()));
            }
        }
        drop(all);
        sent
    }
}

impl ExportSummary {
    fn add_failure(&mut self, error: String) {
        self.failed += 1;
        self.first_error.get_or_insert(error);
    }
}

/// Whether the port of a base URL is that of OTLP/gRPC.
pub fn is_grpc_port(endpoint: &str) -> bool {
    endpoint.parse::<BaseUrl>().is_ok_and(|url| url.port == GRPC_PORT)
}

/// Whether an answer was not HTTP/1.1: a server of gRPC sends HTTP/2 frames.
fn is_other_protocol(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut source = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            // For bytes that came before the request was sent, hyper has a text only.
            return error.is_parse() || error.to_string().contains("unexpected message");
        }
        source = error.source();
    }
    false
}

/// The cause of an error that says most: reqwest's own text is only the URL.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

impl OtlpExporter {
    /// Connects to a collector. `endpoint` is its base URL, for example `http://127.0.0.1:4318`. Nothing is sent yet.
    ///
    /// # Errors
    /// If an HTTP client cannot be made.
    pub fn new(endpoint: &str, title: &str, target: &str) -> Result<Self, String> {
        let endpoint = endpoint.trim_end_matches('/');
        let exports = Arc::new(Exports::default());
        let client = client(endpoint, TIMEOUT).map_err(|error| format!("no HTTP client: {error}"))?;
        let client =
            || CollectorClient { client: client.clone(), runtime: Handle::current(), exports: exports.clone() };
        let metrics = MetricExporter::builder()
            .with_http()
            .with_http_client(client())
            .with_endpoint(format!("{endpoint}/v1/metrics"))
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| error.to_string())?;
        let mut spans = SpanExporter::builder()
            .with_http()
            .with_http_client(client())
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| error.to_string())?;
        let attributes = [
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("vouch.load.title", title.to_owned()),
            KeyValue::new("vouch.load.target", target.to_owned()),
        ];
        let resource = Resource::builder().with_service_name("vouch-load").with_attributes(attributes).build();
        spans.set_resource(&resource);
        let reader = PeriodicReader::builder(metrics).with_interval(INTERVAL).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).with_resource(resource).build();
        let meter = provider.meter("vouch-load");
        Ok(Self {
            responses: meter.u64_counter("vouch.load.responses").with_unit("{response}").build(),
            arrivals: meter.u64_counter("vouch.load.arrivals").with_unit("{arrival}").build(),
            latency: meter.f64_gauge("vouch.load.latency").with_unit("s").build(),
            start_delay: meter.f64_gauge("vouch.load.start_delay").with_unit("s").build(),
            generator_cpu: meter.f64_gauge("vouch.load.generator.cpu").with_unit("{cpu}").build(),
            system: SystemGauges {
                cpu: meter.f64_gauge("vouch.load.system.cpu").with_unit("{cpu}").build(),
                memory: meter.f64_gauge("vouch.load.system.memory").with_unit("By").build(),
                queue: meter.f64_gauge("vouch.load.system.queue").with_unit("{request}").build(),
            },
            provider,
            spans,
            exports,
            is_grpc_port: is_grpc_port(endpoint),
        })
    }

    /// Takes a second of the load.
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
    pub fn record(&self, interval: &IntervalStats) {
        let seconds = |ns: u64| ns as f64 / 1e9;
        self.arrivals.add(interval.started, &[]);
        self.responses.add(interval.good, &[KeyValue::new("outcome", "good")]);
        self.responses.add(interval.errors, &[KeyValue::new("outcome", "error")]);
        if interval.p50_ns > 0 {
            for (quantile, ns) in [("0.5", interval.p50_ns), ("0.99", interval.p99_ns), ("1", interval.max_ns)] {
                self.latency.record(seconds(ns), &[KeyValue::new("quantile", quantile)]);
            }
        }
        self.start_delay.record(seconds(interval.lag_ns), &[]);
        self.generator_cpu.record(seconds(interval.cpu_ns), &[]);
    }

    /// The gauges of the system under test, for whoever reads what it uses.
    pub fn system_gauges(&self) -> SystemGauges {
        self.system.clone()
    }

    /// Takes what faults and retries led to.
    fn record_faults(&self, report: &FaultReport) {
        let meter = self.provider.meter("vouch-load");
        for count in FAULT_COUNTS {
            let counter = meter.u64_counter(format!("vouch.load.fault.{}", count.name));
            let counter = counter.with_unit(count.unit).with_description(count.help).build();
            for fault in &report.faults {
                counter.add((count.of)(fault), &[KeyValue::new("fault", fault.description.clone())]);
            }
        }
        let retries = &report.retries;
        let add = |name: &'static str, count: u64, attributes: &[KeyValue]| {
            meter.u64_counter(name).with_unit("{call}").build().add(count, attributes);
        };
        add("vouch.load.retries", retries.retries, &[]);
        add("vouch.load.given_up_calls", retries.gave_up, &[]);
        add("vouch.load.unfinished_calls", retries.unfinished, &[]);
        let without = retries.refusals.saturating_sub(retries.with_retry_after);
        for (has, count) in [(true, retries.with_retry_after), (false, without)] {
            add("vouch.load.refusals", count, &[KeyValue::new("retry_after", has)]);
        }
    }

    /// Sends the rest, and the spans of the round. Blocks until the collector has answered or the time is over; call it on a
    /// thread where that is allowed.
    pub fn finish(self, round: &Round) -> ExportSummary {
        if let Some(report) = &round.faults {
            self.record_faults(report);
        }
        let _ = self.provider.shutdown_with_timeout(TIMEOUT);
        let scope = InstrumentationScope::builder("vouch-load").with_version(env!("CARGO_PKG_VERSION")).build();
        let (now, wall) = (Instant::now(), SystemTime::now());
        let spans: Vec<SpanData> =
            round.traced_calls.iter().map(|call| span(call, &scope, |at| wall - now.duration_since(at))).collect();
        for batch in spans.chunks(SPANS_A_REQUEST) {
            let _ = Handle::current().block_on(self.spans.export(batch.to_vec()));
        }
        let mut summary = std::mem::take(&mut *self.exports.all.lock());
        summary.spans = spans.len();
        summary.is_grpc |= self.is_grpc_port && summary.failed > 0;
        summary
    }
}

fn span(call: &TracedCall, scope: &InstrumentationScope, wall: impl Fn(Instant) -> SystemTime) -> SpanData {
    let context = SpanContext::new(
        TraceId::from(call.context.trace_id),
        SpanId::from(call.context.span_id),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    let status = call.status.map(|status| KeyValue::new("http.response.status_code", i64::from(status)));
    SpanData {
        span_context: context,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: call.name.into(),
        start_time: wall(call.run_started + call.sent),
        end_time: wall(call.run_started + call.ended),
        attributes: status.into_iter().collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: call.failure.clone().map_or(Status::Unset, Status::error),
        instrumentation_scope: scope.clone(),
    }
}
