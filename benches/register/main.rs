//! What the register costs, as ratios against baselines of the same run: a bare handler that sends the same
//! bytes, and a plain service of a few lines that does the same work.
//!
//! `cargo bench` prints a table; `-- --quick` proves in seconds that it runs, on less data and in one round;
//! `-- --scale` measures a register that has been kept for decades. That takes ten minutes to load, so
//! `--register FILE` leaves it in a file, or takes the one that is there. `-- --only PART` measures one part:
//! `reads`, `board`, `writes`, `ledger` or `postgres`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed benchmark says so and ends"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is the result, the rest is progress"
)]
#![expect(clippy::similar_names, reason = "what is planned and the plain service are told apart easily")]

mod baseline;
mod child;
mod client;
mod data;
mod figures;
mod ledger;
mod reads;
mod writes;

use std::path::PathBuf;
use std::time::Duration;

use figures::Table;

/// How much is measured.
#[derive(Clone, Copy)]
struct Plan {
    size: data::Size,
    rounds: usize,
    span: Duration,
}

const FULL: Plan = Plan { size: data::PERFORMANCE, rounds: 5, span: Duration::from_secs(2) };
const QUICK: Plan = Plan { size: data::SMALL, rounds: 1, span: Duration::from_millis(200) };

/// What can be measured by itself.
const PARTS: [&str; 5] = ["reads", "board", "writes", "ledger", "postgres"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, rest @ ..] = arguments.as_slice()
        && role == child::ROLE
    {
        child::run(rest);
        return;
    }
    let mut plan = if arguments.iter().any(|argument| argument == "--quick") { QUICK } else { FULL };
    if arguments.iter().any(|argument| argument == "--scale") {
        plan.size = data::SCALE;
    }
    let after = |option: &str| {
        let place = arguments.iter().position(|argument| argument == option)?;
        Some(arguments.get(place + 1).unwrap_or_else(|| panic!("a value after {option}")).clone())
    };
    let (named, only) = (after("--register").map(PathBuf::from), after("--only"));
    if let Some(part) = &only {
        assert!(PARTS.contains(&part.as_str()), "{part} is none of {PARTS:?}");
    }
    // One thread makes all the load, so that the other core is the service's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure(plan, named, only.as_deref()));
}

async fn measure(plan: Plan, named: Option<PathBuf>, only: Option<&str>) {
    let wanted = |part: &str| only.is_none_or(|only| only == part);
    let folder = tempfile::tempdir().unwrap();
    let register = named.unwrap_or_else(|| folder.path().join("register.db"));
    let address = format!("sqlite:{}", register.display());
    if !register.exists() {
        eprintln!("loading {:?}", plan.size);
        data::load(&address, plan.size).await;
    }
    let secret = data::key(&address).await;
    let mut table = Table::default();
    if wanted("reads") {
        reads::measure(plan, folder.path(), &register, &secret, &mut table).await;
    }
    if wanted("board") {
        ledger::board(plan, folder.path(), &register, &secret, &mut table).await;
    }
    if wanted("writes") {
        writes::measure(plan, folder.path(), &register, &secret, &mut table).await;
    }
    if wanted("ledger") {
        ledger::measure(plan, folder.path(), &register, &secret, &mut table).await;
    }
    if let Ok(server) = std::env::var("GREENLIGHT_TEST_POSTGRES")
        && wanted("postgres")
    {
        writes::on_postgres(plan, &server, &mut table).await;
    }
    table.print();
}
