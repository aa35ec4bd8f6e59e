//! Disks that fail, fill or become read-only: reads go on, writes are refused honestly, and all is well again
//! by itself once the disk is.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::Request;
use crate::durability::{SYNCS, Tracer, can_trace};
use crate::kills::address;
use crate::ledger::{self, Load};
use crate::service::{Service, done, failed, import, key, program};
use crate::skipped;
use crate::support::Database;

/// What a system call is made to fail with, and which.
const FAILURES: [(&str, &str); 4] = [
    ("a flush fails", "fsync,fdatasync:error=EIO"),
    ("the disk is full", "pwrite64:error=ENOSPC"),
    ("the disk is read-only", "pwrite64:error=EROFS"),
    ("the disk fails", "pwrite64:error=EIO"),
];

#[tokio::test]
async fn a_failing_disk_costs_writes_and_nothing_else() {
    if !can_trace() {
        return;
    }
    for (what, failure) in FAILURES {
        let database = Database::sqlite().await;
        let database = address(&database);
        ledger::prepare(&database);
        let service = Service::start(&database, &key(&database));
        let load = Load::start(&service, 0);
        load.goes_on(20);
        let trace = ["-e", &format!("trace={SYNCS},pwrite64"), "-e", &format!("inject={failure}")];
        let tracer = Tracer::attach(&service, &trace, Path::new("/dev/null"));
        for number in 0..5 {
            let refused = service.ask(&Request::company(&format!("refused-{number}")));
            assert!(refused.is_unavailable(), "{what}: {refused:?}");
            assert_eq!(refused.outcome(), "unknown", "{what}");
            assert_eq!(service.get("/v1/companies/buyer").status, 200, "{what}");
            assert_eq!(service.get("/healthz").status, 200, "{what}");
            assert!(!writable(&service), "{what}");
        }
        drop(tracer);
        service.comes_back(&Request::company("healed"));
        assert!(writable(&service), "{what}");
        load.goes_on(20);
        let mut entries = load.stop();
        ledger::settle(&service, &mut entries);
        drop(service);
        ledger::check(&database, &entries);
    }
}

/// What is written to the log and not flushed may outlive the process: `none` would have been wrong.
#[tokio::test]
async fn a_write_that_a_failing_flush_refused_may_be_there_after_all() {
    if !can_trace() {
        return;
    }
    let database = Database::sqlite().await;
    let database = address(&database);
    ledger::prepare(&database);
    let service = Service::start(&database, &key(&database));
    service.comes_back(&Request::company("first"));
    let trace = ["-e", &format!("trace={SYNCS}"), "-e", &format!("inject={SYNCS}:error=EIO")];
    let tracer = Tracer::attach(&service, &trace, Path::new("/dev/null"));
    let request = Request::company("refused");
    let refused = service.ask(&request);
    assert!(refused.is_unavailable(), "{refused:?}");
    assert_eq!(refused.outcome(), "unknown");
    assert_eq!(service.get("/v1/companies/refused").status, 404);
    let key = service.key.clone();
    service.kill();
    drop(tracer);
    let service = Service::start(&database, &key);
    assert_eq!(service.get("/v1/companies/refused").status, 200);
    // The same request settles it, and is not carried out once more.
    let settled = service.ask(&request);
    assert_eq!(settled.status, 201);
    assert_eq!(settled.field("idempotency-replayed"), Some("true"));
}

/// Whether the service says that the register can be written.
fn writable(service: &Service) -> bool {
    service.get("/readyz").json()["writable"].as_bool().unwrap()
}

/// A small disk of memory, gone when this is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// A disk of so many MiB, if this user may mount one.
    fn of(size: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}m"), "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            skipped("nothing can be mounted here: no disk fills up, no disk is read-only");
        }
        mounted.then(|| Self(folder))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn database(&self) -> String {
        format!("sqlite:{}", self.file("greenlight.db").display())
    }

    fn remount(&self, options: &str) {
        done(Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(self.0.path()));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a service may still be ending.
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

#[test]
fn a_full_disk_costs_writes_until_there_is_room_again() {
    let Some(disk) = SmallDisk::of(16) else { return };
    let database = disk.database();
    ledger::prepare(&database);
    let service = Service::start(&database, &key(&database));
    let ballast = disk.file("ballast");
    let load = Load::start(&service, 0);
    for round in 0..3 {
        load.goes_on(20);
        // It takes whatever is left, and ends when there is nothing.
        let ballast = format!("of={}", ballast.display());
        let filled = Command::new("dd").args(["if=/dev/zero", "bs=4096", &ballast]).output();
        assert!(!filled.unwrap().status.success());
        let probe = |number: u32| service.ask(&Request::company(&format!("probe-{round}-{number}")));
        // What is left of the log may still take a few.
        let refused = (0..2000).map(probe).find(|answer| !answer.is_done());
        let refused = refused.unwrap_or_else(|| panic!("the disk does not fill"));
        assert!(refused.is_unavailable(), "{refused:?}");
        assert_eq!(refused.outcome(), "unknown");
        assert_eq!(service.get("/v1/companies/buyer").status, 200);
        std::fs::remove_file(disk.file("ballast")).unwrap();
        service.comes_back(&Request::company(&format!("healed-{round}")));
    }
    let mut entries = load.stop();
    ledger::settle(&service, &mut entries);
    drop(service);
    ledger::check(&database, &entries);
}

#[tokio::test]
async fn a_backup_that_does_not_fit_leaves_nothing() {
    let Some(disk) = SmallDisk::of(1) else { return };
    let database = Database::sqlite().await;
    let database = address(&database);
    ledger::prepare(&database);
    let companies = |number| {
        format!("{{\"kind\":\"company\",\"id\":\"c-{number}\",\"name\":\"c\",\"jurisdiction\":\"CN\"}}\n")
    };
    import(&database, &(0..2000).map(companies).collect::<String>());
    let said = failed(&mut program(&database, &["backup", disk.file("copy.db").to_str().unwrap()]));
    assert!(said.contains("full"), "{said}");
    assert_eq!(std::fs::read_dir(disk.0.path()).unwrap().count(), 0);
}

#[test]
fn a_register_on_a_read_only_disk_is_not_served() {
    let Some(disk) = SmallDisk::of(8) else { return };
    let database = disk.database();
    ledger::prepare(&database);
    disk.remount("ro");
    let said = failed(&mut program(&database, &["serve", "--listen", "127.0.0.1:0"]));
    assert!(said.contains("error: "), "{said}");
    disk.remount("rw");
    let service = Service::start(&database, &key(&database));
    service.comes_back(&Request::company("healed"));
}

#[tokio::test]
async fn one_file_is_served_by_one_service() {
    let database = Database::sqlite().await;
    let database = address(&database);
    let service = Service::start(&database, &key(&database));
    let said = failed(&mut program(&database, &["serve", "--listen", "127.0.0.1:0"]));
    assert!(said.contains("another `greenlight serve` has this register"), "{said}");
    service.comes_back(&Request::company("first"));
    // The lock ends with its process, whichever way that ends.
    let key = service.key.clone();
    drop(service);
    Service::start(&database, &key).comes_back(&Request::company("second"));
}
