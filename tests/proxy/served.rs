//! A running `vouch mock-cloud --proxy`, and clients that are run against it.

use super::common::CloudProcess;
use std::io::{BufRead, Read};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

fn terminate(pid: u32) {
    // SAFETY: a signal to our own child, which has not been waited for.
    unsafe { libc::kill(i32::try_from(pid).expect("a pid"), libc::SIGTERM) };
}

/// It ends with this.
pub struct Served {
    process: CloudProcess,
    /// The URL of the proxy.
    pub proxy: String,
    ca: String,
    target: toml::Table,
}

/// What a client wrote, and how it ended.
pub struct ClientRun {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

impl Served {
    pub fn start(args: &[&str]) -> Self {
        let mut process = CloudProcess::start(&[&["--proxy", "127.0.0.1:0"], args].concat());
        let target = std::fs::read_to_string(&process.target).expect("the target file").parse().expect("TOML");
        let (mut proxy, mut ca) = (String::new(), String::new());
        // The last line of the instructions is about devices.
        loop {
            let mut line = String::new();
            assert!(process.stderr.read_line(&mut line).expect("readable") > 0, "the instructions end early");
            if let Some((_, url)) = line.split_once("the proxy listens on ") {
                proxy = url.trim().to_owned();
            }
            if let Some(rest) = line.trim().strip_prefix("CA ") {
                ca = rest.split(',').next().expect("a path").trim().to_owned();
            }
            if line.trim().starts_with("devices ") {
                break;
            }
        }
        assert!(proxy.starts_with("http://127.0.0.1:") && ca.ends_with("ca.pem"), "{proxy} {ca}");
        Self { process, proxy, ca, target }
    }

    /// The path of the CA's certificate.
    pub fn ca(&self) -> String {
        self.ca.clone()
    }

    pub fn target_path(&self) -> &Path {
        &self.process.target
    }

    pub fn api_key(&self, environment: &str, region: &str) -> String {
        let realms = self.target["cloud"]["realms"].as_array().expect("realms");
        let is = |realm: &&toml::Value| {
            realm["environment"].as_str() == Some(environment) && realm["region"].as_str() == Some(region)
        };
        realms.iter().find(is).and_then(|realm| realm["apiKey"].as_str()).expect("a key").to_owned()
    }

    /// Runs a program that gets the proxy from its environment, and nothing else that names this machine.
    pub fn client(&self, program: &str, args: &[&str], environment: &[(&str, String)]) -> ClientRun {
        let mut command = Command::new(program);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args);
        for name in ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "NO_PROXY", "no_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
            command.env(name, &self.proxy);
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let run = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        ClientRun { out: text(&run.stdout), err: text(&run.stderr), code: run.status.code() }
    }

    pub fn curl(&self, args: &[&str], environment: &[(&str, String)]) -> ClientRun {
        self.client("curl", &[&["-sS", "--max-time", "20"], args].concat(), environment)
    }

    /// Waits for a line with this text, at most half a minute, then stops it; the line and what came before it.
    pub fn ended_after(mut self, text: &str) -> String {
        let mut said = String::new();
        let (pid, (done, ended)) = (self.process.child.id(), std::sync::mpsc::channel::<()>());
        std::thread::spawn(move || {
            if ended.recv_timeout(Duration::from_secs(30)) == Err(RecvTimeoutError::Timeout) {
                terminate(pid);
            }
        });
        while !said.contains(text) {
            assert!(self.process.stderr.read_line(&mut said).expect("readable") > 0, "{said}");
        }
        drop(done);
        said + &self.end()
    }

    /// Stops it with SIGTERM; what it wrote after the instructions on standard error.
    pub fn end(mut self) -> String {
        terminate(self.process.child.id());
        let mut said = String::new();
        self.process.stderr.read_to_string(&mut said).expect("readable");
        assert!(self.process.child.wait().expect("it ends").success(), "{said}");
        said
    }
}
