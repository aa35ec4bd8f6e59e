//! The board: loaded in as many statements whether it has one cell or a thousand.

use greenlight::app::board::{self, AsOf, CellFilter, Row, on_the_board};
use greenlight::app::rows::Rows;
use greenlight::app::{self, Precondition, Query, Read, Register, Sort, SortKey, Wanted};
use greenlight::clock::Clock;
use greenlight::domain::actor::Actor;
use greenlight::domain::condition::{Condition, Scope};
use greenlight::domain::judgement::Verdict;
use greenlight::domain::source::Source;
use greenlight::domain::transition::Transition;

use crate::support::things::{
    cited, commit, company, condition, found, import, noon, of, post, put, sample, source, transition,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(a_page_takes_a_fixed_number_of_statements, a_row_that_is_kept_follows_what_bears_on_it,);

async fn read(register: &Register) -> Read {
    register.read(Wanted::Newest).await.unwrap()
}

/// How many cells a page has, and how many statements it took to load it.
async fn loaded(register: &Register, limit: i64, narrowed: &CellFilter, present: bool) -> (usize, u64) {
    let mut read = read(register).await;
    let before = read.statements();
    let sort = Sort { key: SortKey::BY_ID, descending: false };
    let companies = on_the_board(Query { on: None, filters: Vec::new(), sort, after: None, limit });
    let as_of = AsOf { valid_at: noon("2026-03-01"), present };
    let page = board::page(&mut read, &companies, narrowed, as_of).await.unwrap();
    let cells = page.rows.iter().map(|row| row.cells.len()).sum();
    (cells, read.statements() - before)
}

async fn a_page_takes_a_fixed_number_of_statements(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-09-15"))).await;
    import(&register, &sample()).await;
    for narrowed in [
        CellFilter::default(),
        CellFilter { chips: vec!["h20".try_into().unwrap()], ..CellFilter::default() },
        CellFilter { verdicts: vec![Verdict::Yes], ..CellFilter::default() },
    ] {
        for present in [true, false] {
            let (few, fewest) = loaded(&register, 1, &narrowed, present).await;
            let (many, statements) = loaded(&register, 1000, &narrowed, present).await;
            assert!(many > few, "{many} cells");
            assert_eq!(statements, fewest, "{few} and {many} cells");
            assert!(statements <= 11, "{statements} statements");
        }
    }
}

/// The rows of the board of the present, and how many statements they took.
async fn shown(register: &Register, rows: &Rows) -> (Vec<String>, u64) {
    let mut read = read(register).await;
    let sort = Sort { key: SortKey::BY_ID, descending: false };
    let companies = on_the_board(Query { on: None, filters: Vec::new(), sort, after: None, limit: 100 });
    let as_of = AsOf { valid_at: register.now(), present: true };
    let written = |row: &Row| format!("{row:?}");
    let before = read.statements();
    let page = rows.page(&mut read, &companies, &CellFilter::default(), as_of, written).await.unwrap();
    (page.rows.iter().map(ToString::to_string).collect(), read.statements() - before)
}

/// Puts another step in the place of one, in the same revision.
async fn replaced(register: &Register, before: Transition, after: Transition) {
    let change = commit(register, move |write| {
        Box::pin(async move {
            for step in [Transition { retracted: true, ..before }, after] {
                app::transitions::put(write, &Actor::Operator, step, &Precondition::Import).await?;
            }
            Ok(())
        })
    });
    change.await.unwrap();
}

async fn a_row_that_is_kept_follows_what_bears_on_it(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-03-01"))).await;
    found(&register).await;
    put(&register, company("tencent")).await.unwrap();
    put(&register, source("fresh")).await.unwrap();
    let stale = Source { check_every_days: Some(1.try_into().unwrap()), ..source("stale") };
    put(&register, stale).await.unwrap();
    let step =
        Transition { citations: cited("fresh"), ..transition("first", "case", "granted", "2026-01-20") };
    post(&register, step.clone()).await.unwrap();
    let kept = Rows::new(1 << 20);
    let (before, _) = shown(&register, &kept).await;
    assert_eq!(before.len(), 3, "{before:?}");
    let (again, statements) = shown(&register, &kept).await;
    assert_eq!(again, before);
    assert_eq!(statements, 1, "nothing but the list of companies is read");

    let on_case = Scope { approval: Some(of("case")), ..Scope::default() };
    put(&register, Condition { scope: on_case, ..condition("on-the-case") }).await.unwrap();
    let (blocked, _) = shown(&register, &kept).await;
    assert_ne!(blocked[0], before[0], "a condition on the case");
    assert_eq!(blocked[1..], before[1..]);

    let next =
        Transition { citations: cited("stale"), ..transition("second", "case", "granted", "2026-01-20") };
    replaced(&register, step, next).await;
    let (doubted, _) = shown(&register, &kept).await;
    assert_ne!(doubted[0], blocked[0], "what the step rests on is stale");
    assert_eq!(doubted, shown(&register, &Rows::new(0)).await.0);
}
