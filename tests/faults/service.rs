//! The program as a process that can be hurt.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::client::{Answer, Request};

/// How long the program may take for what it must do.
const PATIENCE: Duration = Duration::from_mins(1);

/// The program on a database, with nothing else of its own in the environment.
pub(crate) fn program(database: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenlight"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GREENLIGHT_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.args(arguments).env("GREENLIGHT_DATABASE", database).stdin(Stdio::null());
    command
}

/// Runs a command to its end; what it says on standard output. It must end well.
pub(crate) fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command to its end, which must be a failure; what it says on standard error.
pub(crate) fn failed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// Puts lines on record.
pub(crate) fn import(database: &str, lines: &str) {
    let mut import = program(database, &["import", "-"]);
    let silent = import.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = silent.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Makes a key that may write; its secret.
pub(crate) fn key(database: &str) -> String {
    done(&mut program(database, &["key", "create", "--name", "tests", "--role", "editor"])).trim().to_owned()
}

/// A running service; dropping it kills it, as by `kill -9`.
pub(crate) struct Service {
    child: Child,
    told: Receiver<String>,
    /// `HOST:PORT`.
    pub(crate) host: String,
    /// The secret of a key that may write.
    pub(crate) key: String,
}

impl Service {
    /// Starts a service on a free port, and waits until it listens.
    pub(crate) fn start(database: &str, key: &str) -> Self {
        Self::of(program(database, &["serve", "--listen", "127.0.0.1:0"]), key)
    }

    /// The service that a command starts.
    pub(crate) fn of(mut command: Command, key: &str) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, told) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let mut said = String::new();
        loop {
            let line = told.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it is silent: {said}"));
            if let Some(host) = line.strip_prefix("listening on http://") {
                return Self { child, told, host: host.to_owned(), key: key.to_owned() };
            }
            said.push_str(&line);
        }
    }

    /// The service that a command starts at an address, and whose log goes elsewhere.
    pub(crate) fn unheard(mut command: Command, host: &str, key: &str) -> Self {
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let (_, told) = channel();
        let service = Self { child, told, host: host.to_owned(), key: key.to_owned() };
        let started = Instant::now();
        while Request::get("/healthz").send(host, key).is_err() {
            assert!(started.elapsed() < PATIENCE, "it does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        service
    }

    /// Tells it to stop; its exit code, if it ends by itself.
    pub(crate) fn told_to_stop(mut self) -> Option<i32> {
        signal("TERM", self.pid());
        self.child.wait().unwrap().code()
    }

    /// Kills it, as by `kill -9`, and waits until it is gone.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Makes a request, which must be answered.
    pub(crate) fn ask(&self, request: &Request) -> Answer {
        request.send(&self.host, &self.key).unwrap_or_else(|cause| panic!("{cause}: {}", self.log()))
    }

    /// Reads a path.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&Request::get(path))
    }

    /// Repeats a request until it is done. Until then it may only be refused honestly.
    pub(crate) fn comes_back(&self, request: &Request) -> Answer {
        let started = Instant::now();
        loop {
            let answer = self.ask(request);
            if answer.is_done() {
                return answer;
            }
            assert!(answer.is_unavailable(), "{answer:?}");
            assert!(started.elapsed() < PATIENCE, "it does not come back: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The last it has said.
    fn log(&self) -> String {
        let said: Vec<String> = self.told.try_iter().collect();
        said[said.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(name: &str, pid: u32) {
    done(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]));
}

/// Whether a program can be run here.
pub(crate) fn installed(name: &str) -> bool {
    Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}
