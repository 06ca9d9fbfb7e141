//! Sends the figures of a load to an OpenTelemetry collector, over OTLP/HTTP: metrics each second while it runs, and at its end
//! what faults led to, and the spans of traced calls.

use crate::faults::FAULT_COUNTS;
use crate::system::SystemSample;
use crate::traces::TracedCall;
use crate::{FaultReport, IntervalStats, Round};
use async_trait::async_trait;
use hyper::body::Bytes;
use opentelemetry::metrics::{Counter, Meter, MeterProvider as _};
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
use vouch_sim::wire::{client, read_body};
use vouch_spec::base_url::BaseUrl;

/// The registered port of OTLP/gRPC. That of OTLP/HTTP is 4318.
const GRPC_PORT: u16 = 4317;
/// How long one export may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The time between two exports of metrics.
const INTERVAL: Duration = Duration::from_secs(1);
/// A gauge shows a value until it is this old: somewhat longer than the time between two measurements.
const MAX_AGE: Duration = Duration::from_millis(2500);
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
    second: Latest<IntervalStats>,
    system: SystemGauges,
}

/// The latest value of something that is measured each second. Gauges show it as long as it is new: an old value would look like
/// a measurement.
struct Latest<T>(Arc<Mutex<Option<(Instant, T)>>>);

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + 'static> Latest<T> {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn set(&self, value: T) {
        *self.0.lock() = Some((Instant::now(), value));
    }

    /// A gauge of it; without a value there is no data point. `of`: the values, each with its attribute.
    fn gauge<const N: usize>(
        &self,
        meter: &Meter,
        (name, unit): (&'static str, &'static str),
        of: impl Fn(&T) -> [(Option<KeyValue>, Option<f64>); N] + Send + Sync + 'static,
    ) {
        let latest = self.clone();
        let observed = meter.f64_observable_gauge(name).with_unit(unit).with_callback(move |observer| {
            let latest = latest.0.lock();
            let new = latest.iter().filter(|(at, _)| at.elapsed() < MAX_AGE).flat_map(|(_, value)| of(value));
            for (attribute, value) in new {
                if let Some(value) = value {
                    observer.observe(value, attribute.as_slice());
                }
            }
        });
        // The meter keeps the callback; the instrument itself does nothing.
        let _ = observed.build();
    }
}

/// Takes what the system under test uses.
#[derive(Clone)]
pub struct SystemGauges(Latest<SystemSample>);

impl SystemGauges {
    fn new(meter: &Meter) -> Self {
        let latest = Latest::<SystemSample>::new();
        latest.gauge(meter, ("vouch.load.system.cpu", "{cpu}"), |sample| [(None, sample.cpu)]);
        latest.gauge(meter, ("vouch.load.system.memory", "By"), |sample| [(None, sample.memory_bytes)]);
        latest.gauge(meter, ("vouch.load.system.queue", "{request}"), |sample| [(None, sample.queue)]);
        Self(latest)
    }

    /// Takes a reading. What it does not have is not sent.
    pub fn record(&self, sample: &SystemSample) {
        self.0.set(sample.clone());
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
    /// The spans that the collector took.
    pub spans: usize,
    /// The spans that it did not get: after the first failed export the others are not tried.
    pub lost_spans: usize,
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
            Ok::<_, HttpError>(answer.body(read_body(response).await?)?)
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
            second: second_gauges(&meter),
            system: SystemGauges::new(&meter),
            provider,
            spans,
            exports,
            is_grpc_port: is_grpc_port(endpoint),
        })
    }

    /// Takes a second of the load.
    pub fn record(&self, interval: &IntervalStats) {
        self.arrivals.add(interval.started, &[]);
        self.responses.add(interval.good, &[KeyValue::new("outcome", "good")]);
        self.responses.add(interval.errors, &[KeyValue::new("outcome", "error")]);
        self.second.set(interval.clone());
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

    /// Sends the rest, and the spans of the round, until an export of them fails. Blocks until the collector has answered or the
    /// time is over; call it on a thread where that is allowed.
    pub fn finish(self, round: &Round) -> ExportSummary {
        if let Some(report) = &round.faults {
            self.record_faults(report);
        }
        let _ = self.provider.shutdown_with_timeout(TIMEOUT);
        let scope = InstrumentationScope::builder("vouch-load").with_version(env!("CARGO_PKG_VERSION")).build();
        let (now, wall) = (Instant::now(), SystemTime::now());
        let spans: Vec<SpanData> =
            round.traced_calls.iter().map(|call| span(call, &scope, |at| wall - now.duration_since(at))).collect();
        // A collector that hangs costs one timeout, not one for each batch.
        let is_taken = |batch: &&[SpanData]| Handle::current().block_on(self.spans.export(batch.to_vec())).is_ok();
        let taken: usize = spans.chunks(SPANS_A_REQUEST).take_while(is_taken).map(<[SpanData]>::len).sum();
        let mut summary = std::mem::take(&mut *self.exports.all.lock());
        (summary.spans, summary.lost_spans) = (taken, spans.len() - taken);
        summary.is_grpc |= self.is_grpc_port && summary.failed > 0;
        summary
    }
}

/// The gauges of a second of the load.
#[allow(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
fn second_gauges(meter: &Meter) -> Latest<IntervalStats> {
    let seconds = |ns: u64| ns as f64 / 1e9;
    let latest = Latest::<IntervalStats>::new();
    latest.gauge(meter, ("vouch.load.latency", "s"), move |second| {
        let times = [("0.5", second.p50_ns), ("0.99", second.p99_ns), ("1", second.max_ns)];
        // A second without answers has no latency.
        times
            .map(|(quantile, ns)| (Some(KeyValue::new("quantile", quantile)), (second.p50_ns > 0).then(|| seconds(ns))))
    });
    latest.gauge(meter, ("vouch.load.start_delay", "s"), move |second| [(None, Some(seconds(second.lag_ns)))]);
    latest.gauge(meter, ("vouch.load.generator.cpu", "{cpu}"), move |second| [(None, Some(seconds(second.cpu_ns)))]);
    latest
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

#[cfg(test)]
mod tests;
