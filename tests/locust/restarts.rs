//! Masters that are killed and started again, and a worker that is killed: what was sent is counted by a mock cloud of each
//! worker.

use super::cluster::{Master, Program, fake_master, free_port, load_file, wait_until, worker_at};
use super::common::CloudProcess;
use serde_json::Value;
use std::io::Read;
use std::time::Duration;

/// The most requests that a worker with two users and a pause of 50 ms sends in a second.
const PER_SECOND: u64 = 40;

/// Ends a mock cloud. Returns the refreshes that it granted.
fn refreshes_of(mut cloud: CloudProcess) -> u64 {
    // SAFETY: a plain system call on a child that has not been waited for.
    unsafe { libc::kill(i32::try_from(cloud.child.id()).expect("an id"), libc::SIGTERM) };
    let mut summary = String::new();
    cloud.stderr.read_to_string(&mut summary).expect("readable");
    let count = summary.lines().find_map(|line| line.trim().strip_prefix("refreshes")?.split_whitespace().next());
    count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no count: {summary}"))
}

fn count(figures: &Value, field: &str) -> u64 {
    figures[field].as_u64().unwrap_or_else(|| panic!("`{field}` of {figures}"))
}

/// All requests that the master counts. None has failed.
fn counted(master: &Master) -> u64 {
    let stats = master.stats();
    let rows = stats["stats"].as_array().expect("rows").clone();
    let all = rows.iter().find(|row| row["name"] == "Aggregated").expect("a row of all");
    assert_eq!(count(all, "num_failures"), 0, "{stats}");
    count(all, "num_requests")
}

/// Starts a master and a test run, and waits until reports of both workers are counted and confirmed.
/// Returns the number of requests that the master had counted.
fn run_for_a_while(port: u16) -> (Master, u64) {
    let master = Master::start(port, &["Refresh"]);
    master.wait_for("ready", 2);
    master.swarm(4);
    master.wait_for("running", 2);
    // The first report of some length comes within 3 s from each.
    std::thread::sleep(Duration::from_secs(4));
    let counted = counted(&master);
    assert!(counted > 0, "{}", master.program.said());
    std::thread::sleep(Duration::from_millis(2500));
    (master, counted)
}

fn wait_for_summaries(workers: &[Program], number: usize) -> Vec<Value> {
    wait_until("the summaries", 20, || workers.iter().all(|worker| worker.summaries().len() == number));
    workers.iter().map(|worker| worker.summaries().pop().expect("one")).collect()
}

#[test]
fn two_restarts_of_the_master_and_a_killed_worker_lose_no_more_than_is_stated() {
    let clouds = [(); 2].map(|()| CloudProcess::start(&["--keys", "hmac"]));
    let (_folder, load) = load_file();
    let port = free_port();
    let more = ["--load", &load, "--wait", "50ms"];
    let workers = clouds.each_ref().map(|cloud| worker_at(&cloud.target.display().to_string(), port, &more));
    for run in 1..=2 {
        let (master, counted) = run_for_a_while(port);
        master.program.signal(libc::SIGKILL);
        let summaries = wait_for_summaries(&workers, run);
        let sum = |field| summaries.iter().map(|summary| count(summary, field)).sum::<u64>();
        let (requests, unreported) = (sum("requests"), sum("unreported"));
        assert!(counted <= requests - unreported, "{counted} were confirmed: {summaries:?}");
        for (worker, summary) in workers.iter().zip(&summaries) {
            let lost = count(summary, "unreported");
            // A report every 3 s, a heartbeat every second, and a second for a busy machine.
            assert!((1..=5 * PER_SECOND).contains(&lost), "{summary}");
            let stated = format!("{lost} of the {} requests of run {run} were not reported", summary["requests"]);
            assert!(worker.said().contains(&stated), "{stated}: {}", worker.said());
        }
    }
    let (master, _) = run_for_a_while(port);
    workers[0].signal(libc::SIGKILL);
    master.wait_for("missing", 1);
    master.ask("/stop", Some(""));
    let last = wait_for_summaries(&workers[1..], 3).remove(0);
    assert_eq!((&last["run"], &last["unreported"]), (&3.into(), &0.into()), "{last}");

    let [killed, survivor] = workers
        .each_ref()
        .map(|worker| worker.summaries().iter().map(|summary| count(summary, "requests")).sum::<u64>());
    let [sent_by_killed, sent_by_survivor] = clouds.map(refreshes_of);
    assert_eq!(survivor, sent_by_survivor, "{}", workers[1].said());
    let reported = counted(&master) - count(&last, "requests");
    let lost = sent_by_killed.checked_sub(killed + reported);
    assert!(reported > 0, "the killed worker has reported");
    assert!(lost.is_some_and(|lost| lost <= 4 * PER_SECOND), "{killed} + {reported} of {sent_by_killed}");
}

#[test]
fn reports_that_the_master_never_confirms_are_stated_as_unreported() {
    let cloud = CloudProcess::start(&["--keys", "hmac"]);
    let (_folder, load) = load_file();
    // It takes the reports, but may as well be a network that swallows them: it answers no heartbeat.
    let (master, port) = fake_master(
        "say('ack', {'index': 0}, 'x'); say('spawn', {'timestamp': 1.0, 'user_classes_count': {'Refresh': 2}}, 'x')\n\
         while True:\n\
         \x20   kind, data, _ = msgpack.loads(socket.recv_multipart()[1], strict_map_key=False)\n\
         \x20   if kind == 'stats' and data['stats_total']['num_requests'] > 0: print('reported', flush=True)",
    );
    let more = ["--load", &load, "--wait", "50ms", "--connect-timeout", "1s"];
    let mut worker = worker_at(&cloud.target.display().to_string(), port, &more);
    wait_until("two reports", 30, || master.said().matches("reported").count() >= 2);
    master.signal(libc::SIGKILL);
    assert_eq!(worker.code(), Some(3), "{}", worker.said());
    let summaries = worker.summaries();
    assert_eq!(summaries.len(), 1, "{}", worker.said());
    assert_eq!(summaries[0]["requests"], summaries[0]["unreported"], "{}", worker.said());
    assert_eq!(count(&summaries[0], "requests"), refreshes_of(cloud));
}

#[test]
fn a_master_that_is_lost_while_a_worker_cleans_up_gets_one_summary() {
    let cloud = CloudProcess::start(&["--keys", "hmac"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let load = folder.path().join("load.yaml");
    std::fs::write(&load, "installations: 8\nusers: 3000\ntokens: 6\nthreads: 1\n").expect("writable");
    let (master, port) = fake_master(
        "import os\n\
         say('ack', {'index': 0}, 'x'); say('spawn', {'timestamp': 1.0, 'user_classes_count': {'Refresh': 2}}, 'x')\n\
         while True:\n\
         \x20   kind, data, _ = msgpack.loads(socket.recv_multipart()[1], strict_map_key=False)\n\
         \x20   if kind == 'stats' and data['stats_total']['num_requests'] > 0: say('stop', None, 'x')\n\
         \x20   if kind == 'client_stopped': print('has stopped', flush=True); os._exit(0)",
    );
    let load = load.display().to_string();
    let more = ["--load", &load, "--wait", "50ms", "--connect-timeout", "1s"];
    let mut worker = worker_at(&cloud.target.display().to_string(), port, &more);
    wait_until("the loss of the master", 60, || worker.said().contains("was lost"));
    assert!(master.said().contains("has stopped"), "{}", master.said());
    assert!(worker.said().contains("was lost; the test run is stopped"), "too late: {}", worker.said());
    assert_eq!(worker.code(), Some(3), "{}", worker.said());
    let summaries = worker.summaries();
    assert_eq!(summaries.len(), 1, "{}", worker.said());
    assert_eq!(count(&summaries[0], "requests"), refreshes_of(cloud));
    assert!(count(&summaries[0], "unreported") > 0, "the last report is unconfirmed: {}", worker.said());
}
