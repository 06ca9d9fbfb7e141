//! What a collector gets, against a server of wiremock, and one that does not answer.

use super::*;
use crate::traces::TraceContext;
use crate::{Round, Series};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

const NAMES: [&str; 4] =
    ["vouch.load.latency", "vouch.load.generator.cpu", "vouch.load.system.memory", "vouch.load.system.queue"];

fn exporter(endpoint: &str) -> OtlpExporter {
    OtlpExporter::new(endpoint, "title", "target").expect("an exporter")
}

/// Runs what blocks where that is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("no panic")
}

/// The names of [`NAMES`] in the last export.
async fn last_export(collector: &MockServer) -> Vec<&'static str> {
    let requests = collector.received_requests().await.expect("recorded");
    let body = requests.last().expect("an export").body.clone();
    let has = |name: &&&str| body.windows(name.len()).any(|part| part == name.as_bytes());
    NAMES.iter().filter(has).copied().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_without_answers_and_an_old_reading_have_no_data_point() {
    let collector = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&collector).await;
    let exporter = exporter(&collector.uri());
    let flush = async || {
        let provider = exporter.provider.clone();
        blocking(move || provider.force_flush()).await.expect("taken");
    };
    let answered = IntervalStats { good: 1, p50_ns: 5, p99_ns: 6, max_ns: 7, ..IntervalStats::default() };
    exporter.record(&answered);
    exporter.system_gauges().record(&SystemSample { memory_bytes: Some(1.0), ..SystemSample::default() });
    flush().await;
    assert_eq!(last_export(&collector).await, NAMES[..3], "a reading without a queue");
    exporter.record(&IntervalStats { second: 1, ..IntervalStats::default() });
    flush().await;
    assert_eq!(last_export(&collector).await, NAMES[1..3]);
    tokio::time::sleep(MAX_AGE + Duration::from_millis(100)).await;
    exporter.record(&answered);
    flush().await;
    assert_eq!(last_export(&collector).await, NAMES[..2], "no reading of the system for some seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_costs_one_timeout_and_the_spans_that_are_lost_are_counted() {
    // The kernel takes the connections; nobody answers.
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let exporter = exporter(&format!("http://{}", hangs.local_addr().expect("an address")));
    let call = |number: u64| TracedCall {
        context: TraceContext { trace_id: 1, span_id: number + 1 },
        name: "refresh",
        run_started: Instant::now(),
        sent: Duration::ZERO,
        ended: Duration::from_millis(1),
        status: Some(200),
        failure: None,
    };
    let traced_calls = (0..4 * SPANS_A_REQUEST as u64).map(call).collect();
    let round = Round { traced_calls, ..Round::new(vec![], Series::default(), Duration::from_secs(1)) };
    let began = Instant::now();
    let summary = blocking(move || exporter.finish(&round)).await;
    assert_eq!((summary.spans, summary.lost_spans), (0, 4 * SPANS_A_REQUEST));
    // One for the metrics, one for the spans.
    assert!(began.elapsed() < 3 * TIMEOUT, "{:?}", began.elapsed());
}
