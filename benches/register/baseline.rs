//! What the register is measured against: a bare handler, and a plain service over the same engine.

#![expect(clippy::disallowed_types, reason = "these are the handlers that anybody would write")]

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

/// A service that sends the bytes of files, and 304.
pub(crate) fn bare(files: &[&str]) -> Router {
    let bodies: Vec<Bytes> = files.iter().map(|file| std::fs::read(file).unwrap().into()).collect();
    let send = |State(bodies): State<Arc<Vec<Bytes>>>, Path(index): Path<usize>| async move {
        ([(header::CONTENT_TYPE, "application/json")], bodies[index].clone())
    };
    Router::new()
        .route("/{index}", get(send))
        .route("/not-modified", get(|| async { StatusCode::NOT_MODIFIED }))
        .with_state(Arc::new(bodies))
}

#[derive(Clone)]
struct Plain {
    readers: SqlitePool,
    writer: SqlitePool,
}

#[derive(Serialize, sqlx::FromRow)]
struct Approval {
    id: String,
    company: String,
    chip: String,
    authority: String,
    stage: String,
    note: String,
}

/// A file with the tables of the plain service, and as many approvals as the register has.
pub(crate) async fn prepare(database: &str, approvals: &[(String, String, String)]) {
    let pool = SqlitePool::connect_with(options(database)).await.unwrap();
    let tables = "CREATE TABLE approval (id TEXT PRIMARY KEY, company TEXT NOT NULL, chip TEXT NOT NULL,
            authority TEXT NOT NULL, stage TEXT NOT NULL, note TEXT NOT NULL) STRICT;
        CREATE INDEX approval_chip_idx ON approval (chip, id);
        CREATE TABLE event (number INTEGER PRIMARY KEY, approval TEXT NOT NULL, stage TEXT NOT NULL) STRICT;";
    sqlx::raw_sql(tables).execute(&pool).await.unwrap();
    let mut loading = pool.begin().await.unwrap();
    for (id, company, chip) in approvals {
        sqlx::query("INSERT INTO approval VALUES ($1, $2, $3, 'authority-0', 'stage-0', $4)")
            .bind(id)
            .bind(company)
            .bind(chip)
            .bind("x".repeat(120))
            .execute(&mut *loading)
            .await
            .unwrap();
    }
    loading.commit().await.unwrap();
    pool.close().await;
}

fn options(database: &str) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(database).create_if_missing(true);
    options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
}

/// A plain service: rows into structs into JSON, and one transaction per update.
pub(crate) async fn plain(database: &str) -> Router {
    let pool = |connections| SqlitePoolOptions::new().max_connections(connections);
    let readers = pool(8).connect_with(options(database)).await.unwrap();
    let writer = pool(1).connect_with(options(database)).await.unwrap();
    Router::new()
        .route("/approvals/of/{chip}", get(list))
        .route("/approvals/{id}", get(one))
        .route("/approvals/{id}/stage", post(update))
        .with_state(Plain { readers, writer })
}

const APPROVAL: &str = "SELECT id, company, chip, authority, stage, note FROM approval";

async fn list(State(plain): State<Plain>, Path(chip): Path<String>) -> impl IntoResponse {
    let sql = sqlx::AssertSqlSafe(format!("{APPROVAL} WHERE chip = $1 ORDER BY id LIMIT 50"));
    let rows: Vec<Approval> = sqlx::query_as(sql).bind(chip).fetch_all(&plain.readers).await.unwrap();
    Json(rows)
}

async fn one(State(plain): State<Plain>, Path(id): Path<String>) -> impl IntoResponse {
    let sql = sqlx::AssertSqlSafe(format!("{APPROVAL} WHERE id = $1"));
    let row: Approval = sqlx::query_as(sql).bind(id).fetch_one(&plain.readers).await.unwrap();
    Json(row)
}

async fn update(State(plain): State<Plain>, Path(id): Path<String>, stage: String) -> impl IntoResponse {
    let mut update = plain.writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
    for sql in [
        "UPDATE approval SET stage = $2 WHERE id = $1",
        "INSERT INTO event (approval, stage) VALUES ($1, $2)",
    ] {
        sqlx::query(sql).bind(&id).bind(&stage).execute(&mut *update).await.unwrap();
    }
    update.commit().await.unwrap();
    StatusCode::CREATED
}
