//! `vouch worker` under a real Locust master, driven through the master's web API. `ci/test` installs Locust; it is found
//! in PATH.

#[path = "locust/cluster.rs"]
mod cluster;
mod common;
#[path = "locust/restarts.rs"]
mod restarts;

use cluster::{Master, Program, fake_master, free_port, load_file, wait_until, worker, worker_at};
use common::{CloudProcess, stderr, vouch};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

/// Requests, failures and milliseconds by name.
type Figures = BTreeMap<String, (u64, u64, f64)>;

fn by_masters_count(stats: &Value) -> Figures {
    let rows = stats["stats"].as_array().expect("rows");
    let figures = rows.iter().map(|row| {
        let requests = row["num_requests"].as_u64().expect("a count");
        #[allow(clippy::cast_precision_loss)]
        let time = row["avg_response_time"].as_f64().expect("a time") * requests as f64;
        let name = row["name"].as_str().expect("a name").to_owned();
        (name, (requests, row["num_failures"].as_u64().expect("a count"), time))
    });
    figures.collect()
}

fn by_workers_count(summaries: &[Value]) -> Figures {
    let mut sums = Figures::new();
    let mut add = |name: &str, figures: &Value| {
        let sum = sums.entry(name.to_owned()).or_default();
        sum.0 += figures["requests"].as_u64().expect("a count");
        sum.1 += figures["failures"].as_u64().expect("a count");
        sum.2 += figures["responseTimeMs"].as_f64().expect("a time");
    };
    for summary in summaries {
        assert_eq!(summary["unreported"], 0, "{summary}");
        add("Aggregated", summary);
        summary["names"].as_object().expect("names").iter().for_each(|(name, figures)| add(name, figures));
    }
    sums
}

fn assert_same(master: &Figures, workers: &Figures) {
    assert_eq!(master.keys().collect::<Vec<_>>(), workers.keys().collect::<Vec<_>>());
    for (name, (requests, failures, time)) in master {
        let (same_requests, same_failures, same_time) = workers[name];
        assert_eq!((*requests, *failures), (same_requests, same_failures), "{name}");
        assert!((time - same_time).abs() <= 1e-6 * time.max(1.0), "{name}: {time} ms and {same_time} ms");
    }
}

#[test]
fn the_statistics_of_the_master_match_those_of_the_workers() {
    let (_folder, load) = load_file();
    let master = Master::start(free_port(), &["--vouch-load", &load, "--vouch-wait", "20ms..60ms"]);
    let mut workers = [worker(&master, &[]), worker(&master, &[])];
    master.wait_for("ready", 2);
    master.swarm(12);
    wait_until("12 users", 25, || master.stats()["user_count"] == 12);
    master.wait_for("running", 2);
    master.swarm(18);
    wait_until("18 users", 10, || master.stats()["user_count"] == 18);
    master.swarm(6);
    wait_until("6 users", 10, || master.stats()["user_count"] == 6);
    std::thread::sleep(Duration::from_secs(2));
    master.ask("/stop", Some(""));
    wait_until("both summaries", 15, || workers.iter().all(|worker| worker.summaries().len() == 1));
    let summaries: Vec<Value> = workers.iter().flat_map(Program::summaries).collect();
    master.wait_for("ready", 2);
    let (theirs, ours) = (by_masters_count(&master.stats()), by_workers_count(&summaries));
    assert_same(&theirs, &ours);
    let names: Vec<_> = ours.keys().map(String::as_str).collect();
    let all = [
        "Aggregated",
        "exchange",
        "issue",
        "launch/refresh",
        "launch/resource",
        "migration/exchange",
        "migration/issue",
        "migration/resource",
        "refresh",
        "signIn/exchange",
        "signIn/issue",
    ];
    assert_eq!(names, all, "every class has worked");
    assert_eq!(ours["Aggregated"].1, 0, "{ours:?}");
    // Locust may give all users of a class to one worker; each worker has a stock of six.
    assert!([6, 12].contains(&ours["exchange"].0), "{ours:?}");
    assert!(ours["refresh"].0 > 20, "{ours:?}");
    let exceptions = master.ask("/exceptions", None).to_string();
    assert!(exceptions.contains("increase `tokens`"), "the used-up tokens are reported: {exceptions}");
    // Not SIGINT: Python raises that in whatever greenlet runs, and a busy master may lose it.
    master.program.signal(libc::SIGTERM);
    for worker in &mut workers {
        assert_eq!(worker.code(), Some(0), "{}", worker.said());
    }
}

#[test]
fn a_server_that_hangs_when_the_master_stops_is_waited_for() {
    let cloud = CloudProcess::start(&["--keys", "hmac", "--stall", "60s@3s"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let load = folder.path().join("load.yaml");
    std::fs::write(&load, "installations: 20\nusers: 4\ntokens: 6\nthreads: 1\ntimeout: 4s\n").expect("writable");
    let master = Master::start(free_port(), &["Refresh"]);
    let target = cloud.target.display().to_string();
    let more = ["--load", &load.display().to_string(), "--wait", "20ms"];
    let workers = [worker_at(&target, master.port, &more), worker_at(&target, master.port, &more)];
    master.wait_for("ready", 2);
    master.swarm(4);
    std::thread::sleep(Duration::from_millis(4500));
    master.ask("/stop", Some(""));
    wait_until("both summaries", 15, || workers.iter().all(|worker| worker.summaries().len() == 1));
    let summaries: Vec<Value> = workers.iter().flat_map(Program::summaries).collect();
    let ours = by_workers_count(&summaries);
    assert_eq!(ours["Aggregated"].1, 4, "no user got a response: {ours:?}");
    wait_until("the last report", 10, || by_masters_count(&master.stats())["Aggregated"].1 == 4);
    assert_same(&by_masters_count(&master.stats()), &ours);
}

#[test]
fn a_killed_worker_goes_missing_and_an_interrupted_one_quits() {
    let (_folder, load) = load_file();
    let master = Master::start(free_port(), &[]);
    let more = ["--load", &load, "--wait", "50ms"];
    let mut workers = [worker(&master, &more), worker(&master, &more)];
    master.wait_for("ready", 2);
    master.swarm(12);
    master.wait_for("running", 2);
    workers[0].signal(libc::SIGKILL);
    master.wait_for("missing", 1);
    workers[1].signal(libc::SIGTERM);
    assert_eq!(workers[1].code(), Some(130), "{}", workers[1].said());
    let summaries = workers[1].summaries();
    assert!(summaries.len() == 1 && summaries[0]["requests"].as_u64() > Some(0), "{summaries:?}");
    master.wait_for("running", 0);
    assert!(master.program.said().contains("quit. 0 workers ready"), "{}", master.program.said());
}

#[test]
fn a_worker_joins_a_restarted_master_and_works_for_it() {
    let (_folder, load) = load_file();
    let master = Master::start(free_port(), &[]);
    let worker = worker(&master, &["--load", &load, "--wait", "50ms"]);
    master.wait_for("ready", 1);
    master.swarm(6);
    master.wait_for("running", 1);
    master.program.signal(libc::SIGKILL);
    wait_until("the orphaned run's end", 15, || worker.summaries().len() == 1);
    let port = master.port;
    drop(master);
    assert!(worker.said().contains("was lost; the test run is stopped"), "{}", worker.said());
    let master = Master::start(port, &[]);
    master.wait_for("ready", 1);
    master.swarm(6);
    master.wait_for("running", 1);
    std::thread::sleep(Duration::from_secs(1));
    master.ask("/stop", Some(""));
    wait_until("the second summary", 15, || worker.summaries().len() == 2);
    assert_same(&by_masters_count(&master.stats()), &by_workers_count(&worker.summaries()[1..]));
}

#[test]
fn an_invalid_run_is_reported_here_and_on_the_masters_page() {
    let master = Master::start(free_port(), &["--vouch-load", "/nowhere/load.yaml"]);
    let worker = worker(&master, &[]);
    master.wait_for("ready", 1);
    master.swarm(6);
    master.wait_for("running", 1);
    wait_until("the word about it", 5, || worker.said().contains("cannot read the load file"));
    let exceptions = master.ask("/exceptions", None).to_string();
    assert!(exceptions.contains("/nowhere/load.yaml"), "{exceptions}");
    master.ask("/stop", Some(""));
    master.wait_for("ready", 1);
    assert_eq!(worker.summaries()[0]["requests"], 0);
}

#[test]
fn without_a_master_a_worker_retries_until_the_connect_timeout() {
    let master = format!("127.0.0.1:{}", free_port());
    let done = vouch().args(["worker", "--connect-timeout", "2s", "--master", &master]).assert().code(3);
    let said = stderr(&done);
    assert!(said.contains(&format!("no master is listening at {master}")) && said.contains("trying again"), "{said}");
    for wrong in ["localhost", ":5557", "localhost:many"] {
        let done = vouch().args(["worker", "--master", wrong]).assert().code(2);
        assert!(stderr(&done).contains("HOST:PORT"), "{wrong}");
    }
}

#[test]
fn invalid_messages_and_an_old_master_are_reported() {
    let (_program, port) = fake_master(
        "socket.send_multipart([who, b'\\xc1\\xc1']); say('ack', None, 'x'); socket.send_multipart([who, b'a', b'b']); \
         say('hello', {1: 2}, 'x'); say('spawn', {'timestamp': 1.0}, 'x'); \
         say('spawn', {'timestamp': 2.0, 'user_classes_count': {'Nobody': 1}, 'parsed_options': {'vouch_locust': '1.9.0'}}, 'x'); \
         [socket.recv_multipart() for _ in range(5)]; say('quit', None, 'x'); socket.recv_multipart()",
    );
    let done = vouch().args(["worker", "--master", &format!("127.0.0.1:{port}")]).assert().code(0);
    let said = stderr(&done);
    for part in [
        "not a message of Locust",
        "older than Locust 2.10.3",
        "2 frames instead of one",
        "ignored the unknown message `hello`",
        "an invalid message `spawn`",
        "the master is Locust 1.9.0",
        "there is no workload for the user class `Nobody`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_server_that_does_not_speak_zeromq_is_not_a_master() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for mut stream in socket.incoming().map_while(Result::ok) {
            let _ = stream.write_all(
                b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nServer: none of yours, to be sure\r\n\r\n",
            );
        }
    });
    let done = vouch().args(["worker", "--connect-timeout", "1s", "--master", &address]).assert().code(3);
    assert!(stderr(&done).contains("does not speak ZeroMQ"), "{}", stderr(&done));
}
