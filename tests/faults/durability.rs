//! A write is acknowledged only after the disk has it. A kill cannot show that, since what was written
//! outlives the process that wrote it; the calls to the system can.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::Request;
use crate::kills::address;
use crate::service::{Service, installed, key, signal};
use crate::skipped;
use crate::support::Database;

/// What asks the disk to keep what it was given.
pub(crate) const SYNCS: &str = "fsync,fdatasync";

/// A tracer attached to a service, until it is dropped.
pub(crate) struct Tracer(Child);

impl Tracer {
    /// Attaches a tracer that writes to a file, and waits until it sees every thread.
    pub(crate) fn attach(service: &Service, options: &[&str], file: &Path) -> Self {
        let pid = service.pid().to_string();
        let mut command = Command::new("strace");
        command.args(["-f", "-s", "16", "-p", &pid, "-o"]).arg(file).args(options);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let attached = Self(child);
        let started = Instant::now();
        let is_traced = |task: &Path| {
            let status = fs::read_to_string(task.join("status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
        };
        let tasks = format!("/proc/{pid}/task");
        while !fs::read_dir(&tasks).unwrap().all(|task| is_traced(&task.unwrap().path())) {
            assert!(started.elapsed() < Duration::from_secs(20), "strace does not attach");
            std::thread::sleep(Duration::from_millis(10));
        }
        attached
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It lets go of the service when it is asked to end, not when it is killed.
        signal("TERM", self.0.id());
        drop(self.0.wait());
    }
}

/// Whether processes can be traced here.
pub(crate) fn can_trace() -> bool {
    let can = installed("strace")
        && Command::new("strace")
            .args(["-o", "/dev/null", "true"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
    if !can {
        skipped(
            "strace cannot be used here: what comes before an acknowledgement is not seen, no disk fails",
        );
    }
    can
}

/// How many answers of success a trace shows, and how many of them without a sync since the one before.
fn answers(trace: &str) -> (usize, usize) {
    let (mut answers, mut unsynced, mut synced) = (0, 0, false);
    for line in trace.lines() {
        // A call that another thread interrupts is shown in two lines, the second with what came of it.
        if line.contains("sync") && line.ends_with("= 0") {
            synced = true;
        } else if line.contains("\"HTTP/1.1 20") {
            answers += 1;
            unsynced += usize::from(!synced);
            synced = false;
        }
    }
    (answers, unsynced)
}

#[tokio::test]
async fn a_write_is_acknowledged_after_the_disk_has_it() {
    if !can_trace() {
        return;
    }
    let database = Database::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let key = key(&address(&database));
    let service = Service::start(&address(&database), &key);
    // The first use of the key is noted beside the request, which is a write of its own.
    service.get("/v1/companies");
    service.comes_back(&Request::company("first"));
    let trace = |requests: &[Request], name: &str| {
        let file = folder.path().join(name);
        let tracer = Tracer::attach(&service, &["-e", &format!("trace={SYNCS},write,writev,sendto")], &file);
        for request in requests {
            assert!(service.ask(request).is_done());
        }
        drop(tracer);
        answers(&fs::read_to_string(file).unwrap())
    };
    let writes: Vec<Request> = (0..20).map(|number| Request::company(&format!("company-{number}"))).collect();
    assert_eq!(trace(&writes, "writes"), (20, 0));
    // A read needs no disk: the same look at its trace finds nothing that came before the answer.
    let reads = vec![Request::get("/v1/companies/company-1"); 20];
    assert_eq!(trace(&reads, "reads"), (20, 20));
}
