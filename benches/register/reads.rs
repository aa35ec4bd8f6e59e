//! Reads: what a poller costs.

use std::path::Path;
use std::time::Duration;

use crate::Plan;
use crate::baseline;
use crate::child::Service;
use crate::client::{Connection, get, poll, poll_each};
use crate::data;
use crate::figures::{Round, Table};
use crate::writes;

/// The list that is polled, and one of its items.
const LIST: &str = "/v1/approvals?chip=chip-3&limit=50";
const CELL: &str = "/v1/board/company-0/chip-3";
const ONE: &str = "/v1/approvals/case-000003";
/// How many connections poll at once.
const CONNECTIONS: usize = 16;
/// How many updates a second there are while a list is polled.
const UPDATES: u32 = 100;

struct Services {
    ours: Service,
    uncached: Service,
    bare: Service,
    plain: Service,
}

/// Measures reads.
pub(crate) async fn measure(plan: Plan, folder: &Path, register: &Path, secret: &str, table: &mut Table) {
    let bearer = format!("Bearer {secret}");
    let key = [("authorization", bearer.as_str())];
    let ours = Service::start(&["greenlight", &writes::copied(folder, register, "reads")]);
    let uncached = Service::start(&["greenlight", &writes::copied(folder, register, "uncached"), "0"]);
    let mut asking = Connection::open(ours.address).await;
    let list = asking.ask(&get(LIST, &key)).await;
    let one = asking.ask(&get(ONE, &key)).await;
    assert_eq!((list.status, one.status), (200, 200));
    let file = |name: &str, body: &[u8]| {
        let file = folder.join(name);
        std::fs::write(&file, body).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (list_file, one_file) = (file("list.json", &list.body), file("one.json", &one.body));
    let bare = Service::start(&["bare", &list_file, &one_file]);
    let plain_file = folder.join("plain-reads.db").to_str().unwrap().to_owned();
    let approvals: Vec<_> = (0..plan.size.approvals).map(|index| data::approval(plan.size, index)).collect();
    baseline::prepare(&plain_file, &approvals).await;
    let plain = Service::start(&["plain", &plain_file]);
    let services = Services { ours, uncached, bare, plain };

    let known = [key[0], ("if-none-match", list.field("etag").unwrap())];
    let (known, bare_304) = (get(LIST, &known), get("/not-modified", &[]));
    for connections in [16, 256] {
        let pairs = rounds(plan, (&services.ours, &known), (&services.bare, &bare_304), connections).await;
        table.line(&format!("304, {connections} connections"), &pairs);
    }
    for (work, path, bare_path, plain_path) in [
        ("list of 50 approvals", LIST, "/0", "/approvals/of/chip-3"),
        ("one approval", ONE, "/1", "/approvals/case-000003"),
    ] {
        let (ours, bare) = (get(path, &key), get(bare_path, &[]));
        let pairs = rounds(plan, (&services.ours, &ours), (&services.bare, &bare), CONNECTIONS).await;
        table.line(&format!("{work}, kept"), &pairs);
        let pairs = rounds(plan, (&services.uncached, &ours), (&services.bare, &bare), CONNECTIONS).await;
        table.line(&format!("{work}, nothing kept"), &pairs);
        let plain = get(plain_path, &[]);
        let pairs = rounds(plan, (&services.plain, &plain), (&services.bare, &bare), CONNECTIONS).await;
        table.line(&format!("{work}, plain axum and sqlx"), &pairs);
    }
    of_many(plan, &services, &key, table).await;
    old_and_whole(plan, &services, &key, table).await;
    under_updates(plan, &services.ours, secret, table).await;
    table.note("most memory of the service that was polled, MiB", 0, std::iter::once(services.ours.memory()));
}

/// What is not asked for twice at a time: at a service that keeps nothing, every connection asks for another.
async fn of_many(plan: Plan, services: &Services, key: &[(&str, &str)], table: &mut Table) {
    let list = |chip: usize| get(&format!("/v1/approvals?chip=chip-{chip}&limit=50"), key);
    let one = |index: usize| get(&format!("/v1/approvals/{}", data::approval(plan.size, index).0), key);
    let lists: Vec<_> = (0..plan.size.chips).map(list).collect();
    let ones: Vec<_> = (0..plan.size.approvals).map(one).collect();
    for (work, ours, bare) in
        [("lists of 50 approvals", lists, get("/0", &[])), ("approvals", ones, get("/1", &[]))]
    {
        let mut pairs = Vec::new();
        for _ in 0..plan.rounds {
            let mine = poll_each(&services.uncached, &ours, CONNECTIONS, plan.span).await;
            pairs.push((mine, poll(&services.bare, &bare, CONNECTIONS, plan.span).await));
        }
        table.line(&format!("{work}, each another one, nothing kept"), &pairs);
    }
}

/// What is seldom kept: a list as it was long ago, and a cell of the board with everything it rests on.
async fn old_and_whole(plan: Plan, services: &Services, key: &[(&str, &str)], table: &mut Table) {
    let mut asking = Connection::open(services.uncached.address).await;
    let newest = asking.ask(&get("/v1/revisions?limit=1", key)).await;
    let newest: serde_json::Value = serde_json::from_slice(&newest.body).unwrap();
    let half = newest["items"][0]["number"].as_i64().unwrap() / 2;
    let bare = get("/0", &[]);
    for (work, path) in [
        ("list of 50 approvals at half of the revisions", format!("{LIST}&revision={half}")),
        ("cell of the board in full", CELL.to_owned()),
    ] {
        let ours = get(&path, key);
        let pairs = rounds(plan, (&services.uncached, &ours), (&services.bare, &bare), CONNECTIONS).await;
        table.line(&format!("{work}, nothing kept"), &pairs);
    }
}

/// Rounds of the same request at two services in turn.
async fn rounds(
    plan: Plan,
    ours: (&Service, &[u8]),
    theirs: (&Service, &[u8]),
    connections: usize,
) -> Vec<(Round, Round)> {
    let mut rounds = Vec::new();
    for _ in 0..plan.rounds {
        let mine = poll(ours.0, ours.1, connections, plan.span).await;
        rounds.push((mine, poll(theirs.0, theirs.1, connections, plan.span).await));
    }
    rounds
}

/// A list polled while something is written, beside the same list while nothing is.
async fn under_updates(plan: Plan, service: &Service, secret: &str, table: &mut Table) {
    let bearer = format!("Bearer {secret}");
    let request = get(LIST, &[("authorization", &bearer)]);
    let mut poster = writes::Poster::new(plan.size, &bearer, 0, 1);
    let mut pairs = Vec::new();
    for _ in 0..plan.rounds {
        let quiet = poll(service, &request, CONNECTIONS, plan.span).await;
        // The last answer of a round may be left unread.
        let mut connection = Connection::open(service.address).await;
        let updating = async {
            let mut beat = tokio::time::interval(Duration::from_secs(1) / UPDATES);
            beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                beat.tick().await;
                assert_eq!(connection.ask(&poster.next_request()).await.status, 201);
            }
        };
        let busy = tokio::select! {
            round = poll(service, &request, CONNECTIONS, plan.span) => round,
            () = updating => unreachable!("updates go on for ever"),
        };
        pairs.push((busy, quiet));
    }
    table.line(&format!("list of 50 under {UPDATES} updates/s, beside the quiet list"), &pairs);
}
