//! What is kept of the board from one revision to the next is what is made from the start.

use greenlight::app::board::{AsOf, CellFilter, Row, on_the_board};
use greenlight::app::rows::Rows;
use greenlight::app::{Query, Register, Sort, SortKey, Wanted};
use greenlight::domain::time::Moment;

fn written(row: &Row) -> String {
    format!("{row:?}")
}

/// The whole board of the present, with rows that were kept or none.
async fn board(register: &Register, rows: &Rows, now: Moment) -> Vec<String> {
    let sort = Sort { key: SortKey::BY_ID, descending: false };
    let companies = on_the_board(Query { on: None, filters: Vec::new(), sort, after: None, limit: 1000 });
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let as_of = AsOf { valid_at: now, present: true };
    let page = rows.page(&mut read, &companies, &CellFilter::default(), as_of, written).await.unwrap();
    page.rows.iter().map(ToString::to_string).collect()
}

/// Fails if a row that was kept is not right any more.
pub(crate) async fn assert_right(register: &Register, rows: &Rows, now: Moment) {
    assert_eq!(board(register, rows, now).await, board(register, &Rows::new(0), now).await);
}
