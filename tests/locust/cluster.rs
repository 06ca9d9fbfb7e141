//! A Locust master, workers, and a fake master, as processes.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TARGET: &str = "adapters/cloud-python/vouch.toml";

/// A child process that is killed at the end of the test, and its output.
pub struct Program {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    pub fn start(mut command: Command) -> Self {
        let command = command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts; ci/test installs it");
        let said = Arc::new(Mutex::new(Vec::new()));
        let pipes: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
        for pipe in pipes {
            let said = said.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    said.lock().expect("sound").push(line);
                }
            });
        }
        Self { child, said }
    }

    pub fn said(&self) -> String {
        self.said.lock().expect("sound").join("\n")
    }

    pub fn summaries(&self) -> Vec<Value> {
        self.said.lock().expect("sound").iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: a plain system call on a child that has not been waited for.
        unsafe { libc::kill(i32::try_from(self.child.id()).expect("an id"), signal) };
    }

    pub fn code(&mut self) -> Option<i32> {
        let mut status = None;
        let began = Instant::now();
        while status.is_none() {
            assert!(began.elapsed() < Duration::from_secs(20), "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(50));
            status = self.child.try_wait().expect("it can be waited for");
        }
        status.and_then(|status| status.code())
    }
}

pub fn wait_until(what: &str, seconds: u64, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(seconds), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A port that is not used by other tests or by outgoing connections, which are above 32768.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let own = u16::try_from(std::process::id() % 2000).expect("small");
        let port = 10_000 + own * 10 + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A Locust master; its ports for workers and for its web page.
pub struct Master {
    pub program: Program,
    pub port: u16,
    web: u16,
}

impl Master {
    pub fn start(port: u16, more: &[&str]) -> Self {
        let web = free_port();
        let mut command = Command::new("locust");
        command
            .args([
                "-f",
                "adapters/locust/locustfile.py",
                "--master",
                "--expect-workers",
                "2",
                "--web-host",
                "127.0.0.1",
            ])
            .args(["--master-bind-host", "127.0.0.1", "--master-bind-port", &port.to_string()])
            .args(["--web-port", &web.to_string()])
            .args(more);
        let master = Self { program: Program::start(command), port, web };
        wait_until("the master", 20, || TcpStream::connect(("127.0.0.1", web)).is_ok());
        master
    }

    /// A request to the web API: POST with a form, or GET.
    pub fn ask(&self, path: &str, form: Option<&str>) -> Value {
        let (method, form) = (if form.is_some() { "POST" } else { "GET" }, form.unwrap_or(""));
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.web)).expect("the master listens");
        stream.write_all(request.as_bytes()).expect("writable");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{path}: {answer}\n{}", self.program.said()))
    }

    pub fn stats(&self) -> Value {
        self.ask("/stats/requests", None)
    }

    pub fn swarm(&self, users: u32) {
        let answer = self.ask("/swarm", Some(&format!("user_count={users}&spawn_rate=100")));
        assert_eq!(answer["success"], true, "{answer}");
    }

    /// Waits for a number of workers in a state.
    pub fn wait_for(&self, state: &str, count: usize) {
        wait_until(&format!("{count} workers to be {state}"), 25, || {
            let workers = self.stats()["workers"].as_array().cloned().unwrap_or_default();
            workers.iter().filter(|worker| worker["state"] == state).count() == count
        });
    }
}

/// A worker that loads the example emulator.
pub fn worker(master: &Master, more: &[&str]) -> Program {
    worker_at(TARGET, master.port, more)
}

/// A worker that loads the cloud of a target file.
pub fn worker_at(target: &str, port: u16, more: &[&str]) -> Program {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("vouch"));
    command.args(["worker", "--target", target, "--master", &format!("127.0.0.1:{port}")]).args(more);
    Program::start(command)
}

/// A small load file with a fast preparation.
pub fn load_file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("load.yaml");
    std::fs::write(&path, "installations: 8\nusers: 4\ntokens: 6\nthreads: 2\n").expect("writable");
    (folder, path.display().to_string())
}

/// The Python installation of Locust, which includes `ZeroMQ` and `MessagePack`.
fn python_of_locust() -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).filter(|folder| folder.join("locust").is_file());
    folders.next().expect("locust is in PATH; ci/test installs it").join("python3")
}

/// A fake master that runs a Python script.
pub fn fake_master(speech: &'static str) -> (Program, u16) {
    let script = format!(
        "import sys, zmq, msgpack\n\
         socket = zmq.Context().socket(zmq.ROUTER)\n\
         print(socket.bind_to_random_port('tcp://127.0.0.1'), flush=True)\n\
         who = socket.recv_multipart()[0]\n\
         say = lambda *message: socket.send_multipart([who, msgpack.dumps(message)])\n\
         {speech}\n"
    );
    let mut command = Command::new(python_of_locust());
    command.args(["-c", &script]);
    let program = Program::start(command);
    let mut port = None;
    wait_until("the fake_master", 10, || {
        port = program.said().trim().parse().ok();
        port.is_some()
    });
    (program, port.expect("a port"))
}
