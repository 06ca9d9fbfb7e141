//! A load generator with reqwest, for comparison: `peer-reqwest URL CONNECTIONS SECONDS BODY_FILE` prints responses per second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().collect();
    let (url, connections, seconds) =
        (words[1].clone(), words[2].parse().expect("a number"), words[3].parse().expect("seconds"));
    let body = std::fs::read_to_string(&words[4]).expect("a body");
    let client =
        reqwest::Client::builder().no_proxy().no_gzip().pool_max_idle_per_host(connections).build().expect("a client");
    let (count, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let end = start + Duration::from_secs(seconds);
    let users: Vec<_> = (0..connections)
        .map(|_| {
            let (client, url, body, count) = (client.clone(), url.clone(), body.clone(), count.clone());
            tokio::spawn(async move {
                while Instant::now() < end {
                    let request = client
                        .post(&url)
                        .header("content-type", "application/x-www-form-urlencoded")
                        .body(body.clone());
                    let answer = request.send().await.expect("an answer");
                    assert_eq!(answer.status(), 200);
                    answer.bytes().await.expect("a body");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for user in users {
        user.await.expect("a user");
    }
    #[allow(clippy::cast_precision_loss)]
    let rate = count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    println!("{rate:.0}");
}
