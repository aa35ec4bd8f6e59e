//! The board: loaded in as many statements whether it has one cell or a thousand.

use greenlight::app::board::{self, BY_ID, Narrowed, Occasion, on_the_board};
use greenlight::app::{Query, Read, Register, Sort, Wanted};
use greenlight::clock::Clock;
use greenlight::domain::judgement::Verdict;

use crate::support::things::{import, noon, sample};
use crate::support::{Database, on_each_engine};

on_each_engine!(a_page_takes_a_fixed_number_of_statements,);

async fn read(register: &Register) -> Read {
    register.read(Wanted::Newest).await.unwrap()
}

/// How many cells a page has, and how many statements it took to load it.
async fn loaded(register: &Register, limit: i64, narrowed: &Narrowed, present: bool) -> (usize, u64) {
    let mut read = read(register).await;
    let before = read.statements();
    let sort = Sort { key: BY_ID, descending: false };
    let companies = on_the_board(Query { on: None, filters: Vec::new(), sort, after: None, limit });
    let occasion = Occasion { valid_at: noon("2026-03-01"), present };
    let page = board::page(&mut read, &companies, narrowed, occasion).await.unwrap();
    let cells = page.rows.iter().map(|row| row.cells.len()).sum();
    (cells, read.statements() - before)
}

async fn a_page_takes_a_fixed_number_of_statements(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-09-15"))).await;
    import(&register, &sample()).await;
    for narrowed in [
        Narrowed::default(),
        Narrowed { chips: vec!["h20".try_into().unwrap()], ..Narrowed::default() },
        Narrowed { verdicts: vec![Verdict::Yes], ..Narrowed::default() },
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
