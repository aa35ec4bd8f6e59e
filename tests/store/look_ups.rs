//! Look-ups in the ledger: found by an index, however long it is.

use greenlight::app::Address;
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::movements::opened;
use crate::support::things::import;
use crate::support::{Database, on_each_engine};

on_each_engine!(looking_up_figures_does_not_scan_the_ledger,);

/// What writes rows over others, as `store` words it.
const FOLLOW: &str = "UPDATE holding_day AS t SET ordered = v.column4, since = v.column5
     FROM (VALUES ('alibaba', 'h200', '2026-01-20', 7, 700), ('alibaba', 'h20', '2026-01-20', 7, 700)) AS v
     WHERE t.until IS NULL AND t.company = v.column1 AND t.chip = v.column2 AND t.day = v.column3";

/// What ends rows, as `store` words it.
const CLOSE: &str = "UPDATE stage_span AS t SET until = v.column3
     FROM (VALUES ('case', '2026-01-20', 700), ('case', '2026-01-21', 700)) AS v
     WHERE t.until IS NULL AND t.approval = v.column1 AND t.valid_from = v.column2
         AND t.since = (SELECT max(x.since) FROM stage_span x WHERE x.since < v.column3
             AND x.approval = v.column1 AND x.valid_from = v.column2)";

/// What finds the sums of a company's months, as `store` words it.
const MONTHS: &str = "SELECT t.company, t.chip, MIN(t.day), SUM(t.ordered) FROM holding_day t
     WHERE t.day >= '2026-01-01' AND t.day < '2027-01-01' AND t.until IS NULL AND t.company IN ('alibaba')
     GROUP BY t.company, t.chip, substr(t.day, 1, 7)";

/// The statements that a movement costs beside those of every write, as `store` words them.
const LOOK_UPS: [&str; 5] = [
    "SELECT SUM(t.ordered) FROM holding t WHERE t.until IS NULL AND t.company = 'alibaba' AND t.chip = 'h200'",
    "SELECT t.since FROM (VALUES ('alibaba', 'h200', 'case'), ('alibaba', 'h200', '')) AS v JOIN holding t
     ON t.until IS NULL AND t.company = v.column1 AND t.chip = v.column2 AND t.approval = v.column3",
    "SELECT t.since FROM (VALUES ('alibaba', 'h200', '2026-01-20'), ('alibaba', 'h20', '2026-01-20')) AS v JOIN holding_day t
     ON t.until IS NULL AND t.company = v.column1 AND t.chip = v.column2 AND t.day = v.column3",
    FOLLOW,
    "SELECT id FROM movement WHERE company = 'alibaba' AND kind = 'order' AND external_ref = 'PO-1'",
];

async fn looking_up_figures_does_not_scan_the_ledger(database: Database) {
    let register = opened(&database).await;
    let lines: Vec<String> = (0..3000)
        .map(|number| {
            format!(
                r#"{{"kind":"movement","id":"m{number}","company":"alibaba","chip":"h200","approval":"case","movement_kind":"order","units":1,"occurred_on":"2026-01-{:02}","external_ref":"PO-{number}"}}"#,
                number % 28 + 1
            )
        })
        .collect();
    // Many revisions, so that closed rows are many and current ones few.
    for some in lines.chunks(100) {
        assert_eq!(import(&register, &some.join("\n")).await.failed, 0);
    }
    for look_up in LOOK_UPS {
        let plan = plan(&database, look_up).await;
        assert!(
            !["SCAN t", "SCAN x", "SCAN holding", "SCAN movement"].iter().any(|scan| plan.contains(scan)),
            "{plan}"
        );
        assert!(
            !plan.contains("Seq Scan on movement") && !plan.contains("Seq Scan on holding_day"),
            "{plan}"
        );
    }
    // The row that ends is found by its whole key, and not among all that came before it.
    let close = plan(&database, CLOSE).await;
    assert!(!close.contains("SEARCH t") || close.contains("AND since=?)"), "{close}");
    // What a company holds is found among the rows that hold, and not among all there have been.
    let months = plan(&database, MONTHS).await;
    assert!(months.contains("holding_day_company_idx"), "{months}");
}

async fn plan(database: &Database, sql: &'static str) -> String {
    match database.address() {
        Address::Sqlite(file) => {
            let mut on = SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let rows: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(explain).fetch_all(&mut on).await.unwrap();
            rows.into_iter().map(|(.., step)| step).collect::<Vec<String>>().join("\n")
        }
        Address::Postgres(url) => {
            let mut on = PgConnection::connect(&url).await.unwrap();
            on.execute("ANALYZE").await.unwrap();
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN {sql}"));
            let rows: Vec<(String,)> = sqlx::query_as(explain).fetch_all(&mut on).await.unwrap();
            rows.into_iter().map(|(step,)| step).collect::<Vec<String>>().join("\n")
        }
    }
}
