//! The services that are measured, each in a process of its own, so that its processor time is its own.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use greenlight::app::Register;
use greenlight::clock::Clock;
use greenlight::http;

use crate::baseline;

/// The first argument of a process that is a service.
pub(crate) const ROLE: &str = "--service";

/// A service that runs as long as this lives.
pub(crate) struct Service {
    process: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Service {
    /// Starts a service.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(ROLE).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().parse().unwrap_or_else(|_| panic!("{arguments:?} did not start"));
        Self { process, address }
    }

    /// The processor time it has used so far, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // The name in parentheses may hold spaces; user and system time are the 14th and 15th field.
        let (_, after) = stat.rsplit_once(')').unwrap();
        let ticks = after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
        ticks.sum::<f64>() / 100.0
    }

    /// The most memory it has held at once, in MiB.
    pub(crate) fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is the service that the arguments ask for, until it is killed or whoever started it has ended.
pub(crate) fn run(arguments: &[String]) {
    std::thread::spawn(|| {
        // Nothing is said there; it ends with the other end.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(1);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        println!("{address}");
        let router = match arguments.as_slice() {
            ["bare", bodies @ ..] => baseline::bare(bodies),
            ["plain", database] => baseline::plain(database).await,
            ["greenlight", database, rest @ ..] => {
                let cache_bytes = rest.first().map_or(http::CACHE_BYTES, |bytes| bytes.parse().unwrap());
                let register = Register::open(database.parse().unwrap(), Clock::system()).await.unwrap();
                let timekeeper = register.clone();
                tokio::spawn(async move { timekeeper.keep_time().await });
                let options = http::Options { cache_bytes, ..http::Options::default() };
                http::serve(listener, &register, options, std::future::pending()).await.unwrap();
                return;
            }
            other => panic!("{other:?} is no service"),
        };
        listener.set_nonblocking(true).unwrap();
        axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
    });
}
