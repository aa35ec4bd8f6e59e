//! Answers and orders: the board, one question, and orders against a limit in force.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Plan;
use crate::baseline;
use crate::child::Service;
use crate::client::{Connection, figure, get, poll};
use crate::data;
use crate::figures::{Round, Table};
use crate::writes::{Next, Poster, Work, copied};

/// Fifty companies by every chip.
const BOARD: &str = "/v1/board?limit=50";
/// How often the board is asked for at a new revision in one round.
const BOARDS: usize = 10;
/// How many connections poll at once.
const CONNECTIONS: usize = 16;

/// Measures the board, at a new revision and kept.
pub(crate) async fn board(plan: Plan, folder: &Path, register: &Path, secret: &str, table: &mut Table) {
    let bearer = format!("Bearer {secret}");
    let request = get(BOARD, &[("authorization", &bearer)]);
    let ours = Service::start(&["greenlight", &copied(folder, register, "board")]);
    let shown = Connection::open(ours.address).await.ask(&request).await;
    assert_eq!(shown.status, 200);
    let file = folder.join("board.json");
    std::fs::write(&file, &shown.body).unwrap();
    let bare = Service::start(&["bare", file.to_str().unwrap()]);
    let bytes = get("/0", &[]);
    let mut poster = Poster::new(plan.size, &bearer, 0, 1);
    let (mut fresh, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let mine = renewed(&ours, &request, &mut poster).await;
        fresh.push((mine, poll(&bare, &bytes, 1, plan.span).await));
        let mine = poll(&ours, &request, CONNECTIONS, plan.span).await;
        kept.push((mine, poll(&bare, &bytes, CONNECTIONS, plan.span).await));
    }
    table.line("board of 50 companies, each time at a new revision", &fresh);
    table.line("board of 50 companies, kept", &kept);
    let longest = fresh.iter().map(|(round, _)| round.p99.as_secs_f64() * 1000.0);
    table.note("the longest a board at a new revision took, ms", 1, longest);
}

/// Asks again and again, each time after something was written.
async fn renewed(service: &Service, request: &[u8], poster: &mut Poster) -> Round {
    let mut connection = Connection::open(service.address).await;
    let (mut times, mut cpu) = (Vec::new(), 0.0);
    for _ in 0..BOARDS {
        assert_eq!(connection.ask(&poster.next_request()).await.status, 201);
        let (before, asked) = (service.cpu(), Instant::now());
        assert_eq!(connection.ask(request).await.status, 200);
        times.push(asked.elapsed());
        cpu += service.cpu() - before;
    }
    let seconds = times.iter().sum::<Duration>().as_secs_f64();
    Round { requests: figure(BOARDS), seconds, cpu, p99: times.into_iter().max().unwrap_or_default() }
}

/// Measures questions and orders, beside a plain service that makes one transaction of each update.
pub(crate) async fn measure(plan: Plan, folder: &Path, register: &Path, secret: &str, table: &mut Table) {
    let approvals: Vec<_> = (0..plan.size.approvals).map(|index| data::approval(plan.size, index)).collect();
    let works: [(&str, usize, Next); 3] = [
        ("question with its receipt", 1, Poster::next_question),
        ("order against a limit", 1, Poster::next_order),
        ("order against a limit", 64, Poster::next_order),
    ];
    for (index, (work, clients, next)) in works.into_iter().enumerate() {
        let plain = folder.join(format!("plain-ledger-{index}.db")).to_str().unwrap().to_owned();
        baseline::prepare(&plain, &approvals).await;
        let ours = Service::start(&["greenlight", &copied(folder, register, &format!("ledger-{index}"))]);
        let plain = Service::start(&["plain", &plain]);
        let mut working = Work::new(plan.size, secret, clients, next);
        let mut rounds = Vec::new();
        for _ in 0..plan.rounds {
            let mine = working.ours(&ours, plan).await;
            rounds.push((mine, working.plain(&plain, plan).await));
        }
        table.line(&format!("{work}, {clients} clients, beside one plain transaction each"), &rounds);
    }
}
