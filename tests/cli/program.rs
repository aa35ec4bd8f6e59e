//! The program, run as a process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use greenlight::app::Address;

use crate::support::Database;

/// How long a service may take to say something that it must say.
const PATIENCE: Duration = Duration::from_mins(1);

/// The parts of the sample register, parents first.
pub(crate) const SAMPLE: [&str; 10] = [
    include_str!("../../data/workflows.ndjson"),
    include_str!("../../data/authorities.ndjson"),
    include_str!("../../data/companies.ndjson"),
    include_str!("../../data/chips.ndjson"),
    include_str!("../../data/sources.ndjson"),
    include_str!("../../data/approvals.ndjson"),
    include_str!("../../data/transitions.ndjson"),
    include_str!("../../data/reports.ndjson"),
    include_str!("../../data/conditions.ndjson"),
    include_str!("../../data/movements.ndjson"),
];

/// How many things the sample has.
pub(crate) fn things() -> usize {
    SAMPLE.iter().map(|part| part.lines().count()).sum()
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The same run, which must have ended with this code.
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// The program with these arguments, and nothing of its own in the environment.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenlight"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GREENLIGHT_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The address of a database as the program takes it.
pub(crate) fn address(database: &Database) -> String {
    match database.address() {
        Address::Sqlite(file) => sqlite(&file),
        Address::Postgres(url) => url,
    }
}

/// The address of a register in a file.
pub(crate) fn sqlite(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

/// The program on a database, which it is told in the environment.
pub(crate) fn on(database: &Database, arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command.env("GREENLIGHT_DATABASE", address(database));
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    fed(command, "")
}

/// Runs a command to its end, with a text on its standard input.
pub(crate) fn fed(command: &mut Command, input: &str) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A program that does not want its input closes it.
    let feeding = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Puts the sample register into a database.
pub(crate) fn import_sample(database: &Database) {
    let ran = fed(&mut on(database, &["import", "-"]), &SAMPLE.concat()).ended(0);
    assert_eq!(ran.err, format!("created {}, updated 0, unchanged 0, failed 0\n", things()));
}

/// Everything in a database, as lines.
pub(crate) fn export(database: &Database) -> String {
    run(&mut on(database, &["export"])).ended(0).out
}

/// A service that runs until this is dropped.
pub(crate) struct Service {
    child: Child,
    told: Receiver<String>,
    /// What it said until it was ready.
    pub(crate) greeting: String,
    /// `HOST:PORT`.
    pub(crate) host: String,
}

impl Service {
    /// Starts a service on a free port, and waits until it listens.
    pub(crate) fn start(database: &Database, options: &[&str]) -> Self {
        Self::of(on(database, &[&["serve", "--listen", "127.0.0.1:0"], options].concat()))
    }

    /// The service that a command starts.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, told) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let mut greeting = String::new();
        loop {
            let line = told.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it is silent: {greeting}"));
            greeting.push_str(&line);
            greeting.push('\n');
            if let Some(host) = line.strip_prefix("listening on http://") {
                let host = host.to_owned();
                return Self { child, told, greeting, host };
            }
        }
    }

    /// Asks for a path; the answer with its head.
    pub(crate) fn get(&self, path: &str, key: Option<&str>) -> String {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let key = key.map_or_else(String::new, |key| format!("Authorization: Bearer {key}\r\n"));
        let host = &self.host;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{key}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a JSON body to a path; the answer with its head.
    pub(crate) fn send(host: &str, (method, path): (&str, &str), key: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(host).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The secret in what it says after it is ready, if it shows one before it is told to stop.
    pub(crate) fn stop(self) -> String {
        self.stopped_by("TERM")
    }

    /// The same with another signal.
    pub(crate) fn stopped_by(mut self, signal: &str) -> String {
        self.signal(signal);
        let status = self.child.wait().unwrap();
        let said: Vec<String> = self.told.iter().collect();
        assert!(status.success(), "{status}: {said:?}");
        said.join("\n")
    }

    /// The next line it says that fits.
    pub(crate) fn says(&self, fits: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.told.recv_timeout(PATIENCE).unwrap();
            if fits(&line) {
                return line;
            }
        }
    }

    /// The memory it has in use, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let sizes = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        let pages: u64 = sizes.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4096
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
