//! A load generator with goose, for comparison: `peer-goose HOST CONNECTIONS SECONDS BODY_FILE [RATE]` prints responses per
//! second. RATE limits the requests per second; latencies are then printed first.

#![allow(clippy::cast_precision_loss, reason = "rates for people to read")]

use goose::config::GooseConfiguration;
use goose::prelude::*;
use std::sync::OnceLock;

static BODY: OnceLock<String> = OnceLock::new();

async fn exchange(user: &mut GooseUser) -> TransactionResult {
    let body = BODY.get().cloned().unwrap_or_default();
    let request = user
        .get_request_builder(&GooseMethod::Post, "/v1/token")?
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    let request = GooseRequest::builder().set_request_builder(request).build();
    let answer = user.request(request).await?;
    if let Ok(answer) = answer.response {
        let _ = answer.bytes().await;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), GooseError> {
    let words: Vec<String> = std::env::args().collect();
    BODY.set(std::fs::read_to_string(&words[4]).expect("a body")).expect("once");
    let seconds: usize = words[3].parse().expect("seconds");
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(words[1].clone());
    configuration.users = words[2].parse().ok();
    configuration.increase_rate = Some("1000".into());
    configuration.run_time = Some(seconds.to_string());
    configuration.quiet = 5;
    configuration.no_print_metrics = true;
    configuration.no_reset_metrics = true;
    if let Some(rate) = words.get(5) {
        configuration.throttle_requests = Some(rate.parse().expect("a rate"));
    }
    let attack = GooseAttack::initialize_with_config(configuration)?;
    let scenario = scenario!("peer").register_transaction(transaction!(exchange));
    let metrics = attack.register_scenario(scenario).execute().await?;
    let count: usize = metrics.requests.values().map(|request| request.success_count).sum();
    for times in metrics.requests.values().map(|request| &request.raw_data).filter(|_| words.len() > 5) {
        let at = |share: f64| {
            let mut left = share * times.counter as f64;
            let reached = |(_, count): &(&u64, &usize)| {
                left -= **count as f64;
                left <= 0.0
            };
            times.times_us.iter().find(reached).map_or(0.0, |(time, _)| *time as f64 / 1e3)
        };
        println!("p50 {:.1} ms  p99 {:.1} ms  max {:.0} ms", at(0.5), at(0.99), times.maximum_time_us as f64 / 1e3);
    }
    println!("{}", count / metrics.duration.max(1));
    Ok(())
}
