//! A PostgreSQL server of the test's own, restarted under load, stopped, and cut off.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::client::Request;
use crate::form;
use crate::ledger::{self, Load};
use crate::service::{Service, done, key, signal};
use crate::skipped;

/// How long an honest refusal may take.
const REFUSED_WITHIN: Duration = Duration::from_secs(15);

/// A server that is gone when this is dropped.
struct Server {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Server {
    /// Makes and starts a server, if PostgreSQL is installed.
    fn start() -> Option<Self> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok().into_iter().flatten();
        let programs = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
        let Some(programs) = programs.filter(|programs| programs.join("initdb").exists()).max() else {
            skipped("PostgreSQL is not installed: no server is restarted");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { folder, programs, port };
        if is_root() {
            done(Command::new("chown").arg("postgres").arg(server.folder.path()));
        }
        let data = server.data();
        let data = data.to_str().unwrap();
        server.run("initdb", &["-N", "-A", "trust", "-U", "postgres", "-D", data]);
        server.control(&["start"]);
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs one of the server's programs, as a user who may: a server does not run as root.
    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        let mut command = if is_root() { Command::new("setpriv") } else { Command::new(&program) };
        if is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(&program);
        }
        done(command.args(arguments).current_dir(self.folder.path()));
    }

    fn control(&self, what: &[&str]) {
        let folder = self.folder.path().to_str().unwrap();
        let options = format!("-p {} -k {folder} -c listen_addresses=127.0.0.1", self.port);
        let (data, log) = (self.data(), self.folder.path().join("log"));
        let arguments = [data.to_str().unwrap(), "-l", log.to_str().unwrap(), "-o", &options];
        self.run("pg_ctl", &[what, &["-w", "-D"], &arguments[..]].concat());
    }

    fn database(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops every process of the server where it is, or lets them go on: as a network that is cut off, it
    /// keeps its connections and says nothing.
    fn freeze(&self, name: &str) {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let postmaster: u32 = file.lines().next().unwrap().parse().unwrap();
        let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"));
        for child in children.unwrap().split_whitespace().map(|child| child.parse().unwrap()) {
            signal(name, child);
        }
        signal(name, postmaster);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.data();
        let running = Path::new(&data).join("postmaster.pid").exists();
        if running && !std::thread::panicking() {
            self.control(&["stop", "-m", "immediate"]);
        } else if running {
            self.freeze("KILL");
        }
    }
}

fn is_root() -> bool {
    done(Command::new("id").arg("-u")).trim() == "0"
}

#[test]
fn a_server_that_is_restarted_costs_no_acknowledged_write() {
    let Some(server) = Server::start() else { return };
    let database = server.database();
    ledger::prepare(&database);
    let service = Service::start(&database, &key(&database));
    let load = Load::start(&service, 0);
    for round in 0..form(2, 20) {
        load.goes_on(20);
        server.control(&["restart", "-m", "immediate"]);
        service.comes_back(&Request::company(&format!("healed-{round}")));
        service.comes_back(&Request::get("/v1/companies/buyer"));
    }
    load.goes_on(20);
    let mut entries = load.stop();
    ledger::settle(&service, &mut entries);
    drop(service);
    ledger::check(&database, &entries);
}

#[test]
fn a_server_out_of_reach_is_told_honestly_and_soon() {
    let Some(server) = Server::start() else { return };
    let database = server.database();
    ledger::prepare(&database);
    let service = Service::start(&database, &key(&database));
    let refused = |request: &Request| {
        let started = Instant::now();
        let answer = service.ask(request);
        assert!(answer.is_unavailable(), "{answer:?}");
        assert_eq!(answer.outcome(), "none", "{answer:?}");
        assert!(started.elapsed() < REFUSED_WITHIN, "{:?}", started.elapsed());
    };
    let (write, read) = (Request::company("newcomer"), Request::get("/v1/companies/buyer"));
    assert!(service.ask(&Request::company("first")).is_done());

    server.control(&["stop", "-m", "immediate"]);
    refused(&write);
    refused(&read);
    assert_eq!(service.get("/healthz").status, 200);
    server.control(&["start"]);
    service.comes_back(&read);
    assert_eq!(service.get("/v1/companies/newcomer").status, 404);
    service.comes_back(&write);

    server.freeze("STOP");
    refused(&Request::company("another"));
    refused(&read);
    assert_eq!(service.get("/healthz").status, 200);
    server.freeze("CONT");
    service.comes_back(&read);
    assert_eq!(service.get("/v1/companies/another").status, 404);
    service.comes_back(&Request::company("another"));
}
