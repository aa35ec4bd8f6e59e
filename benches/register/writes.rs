//! Writes: transitions, each on stable storage before it is answered.

use std::path::Path;
use std::time::Instant;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::Plan;
use crate::baseline;
use crate::child::Service;
use crate::client::{Connection, figure, get, load, request};
use crate::data::{self, STAGES, Size};
use crate::figures::{Round, Table};

/// What makes the next request of a client.
pub(crate) type Next = fn(&mut Poster) -> Vec<u8>;

/// Makes the requests of one client: the next stage for one after another of its approvals.
pub(crate) struct Poster {
    size: Size,
    bearer: String,
    approval: usize,
    clients: usize,
    stages: Vec<usize>,
}

impl Poster {
    /// The `client`th of some clients, each of which has approvals of its own.
    pub(crate) fn new(size: Size, bearer: &str, client: usize, clients: usize) -> Self {
        let stages = vec![data::transitions_each(size) % STAGES; size.approvals];
        Self { size, bearer: bearer.to_owned(), approval: client, clients, stages }
    }

    /// The next approval and stage.
    fn next(&mut self) -> (String, usize) {
        let index = self.approval;
        let next = index + self.clients;
        self.approval = if next < self.size.approvals { next } else { next % self.clients };
        let stage = (self.stages[index] + 1) % STAGES;
        self.stages[index] = stage;
        (data::approval(self.size, index).0, stage)
    }

    /// The next transition.
    pub(crate) fn next_request(&mut self) -> Vec<u8> {
        let (approval, stage) = self.next();
        let body = format!(
            r#"{{"to":"stage-{stage}","effective_on":{{"date":"2025-02-01","precision":"day"}},"citations":[{{"attribution":"own_record"}}]}}"#
        );
        let fields = [("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        request("POST", &format!("/v1/approvals/{approval}/transitions"), &fields, &body)
    }

    /// The next order of one unit; a limit is in force for each.
    pub(crate) fn next_order(&mut self) -> Vec<u8> {
        self.next_about("/v1/movements", r#""kind":"order","occurred_on":"2025-02-01""#)
    }

    /// The next question, whose answer is kept as a receipt.
    pub(crate) fn next_question(&mut self) -> Vec<u8> {
        self.next_about("/v1/determinations", r#""activity":"order""#)
    }

    fn next_about(&mut self, path: &str, what: &str) -> Vec<u8> {
        let index = self.approval;
        self.next();
        let (_, company, chip) = data::approval(self.size, index);
        let body = format!(r#"{{"company":"{company}","chip":"{chip}","units":1,{what}}}"#);
        let fields = [("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        request("POST", path, &fields, &body)
    }

    /// The same for the plain service.
    fn next_plain(&mut self) -> Vec<u8> {
        let (approval, stage) = self.next();
        let path = format!("/approvals/{approval}/stage");
        request("POST", &path, &[("content-type", "text/plain")], &format!("stage-{stage}"))
    }
}

/// A copy of a register, as an address.
pub(crate) fn copied(folder: &Path, register: &Path, name: &str) -> String {
    let copy = folder.join(format!("{name}.db"));
    std::fs::copy(register, &copy).unwrap();
    format!("sqlite:{}", copy.display())
}

/// Measures writes on SQLite.
pub(crate) async fn measure(plan: Plan, folder: &Path, register: &Path, secret: &str, table: &mut Table) {
    let approvals: Vec<_> = (0..plan.size.approvals).map(|index| data::approval(plan.size, index)).collect();
    let mut flushes = Vec::new();
    for clients in [1, 64] {
        let address = copied(folder, register, &format!("writes-{clients}"));
        let plain = folder.join(format!("plain-{clients}.db")).to_str().unwrap().to_owned();
        baseline::prepare(&plain, &approvals).await;
        let (ours, plain) = (Service::start(&["greenlight", &address]), Service::start(&["plain", &plain]));
        let mut work = Work::new(plan.size, secret, clients, Poster::next_request);
        let mut rounds = Vec::new();
        for _ in 0..plan.rounds {
            flushes.push(inserts(&folder.join("insert.db"), plan).await);
            let mine = work.ours(&ours, plan).await;
            rounds.push((mine, work.plain(&plain, plan).await));
        }
        table.line(&format!("transition, {clients} clients, beside one transaction per update"), &rounds);
        work.notes("SQLite", &rounds, table);
        if clients == 1 {
            let shares = rounds.iter().zip(&flushes).map(|((ours, _), inserts)| ours.rate() / inserts);
            table.note("transitions of 1 client per bare insert", 2, shares);
        }
    }
    table.note("bare SQLite inserts a second, each flushed", 0, flushes.into_iter());
}

/// Measures transitions on PostgreSQL, in databases that are made for it and dropped.
pub(crate) async fn on_postgres(plan: Plan, server: &str, table: &mut Table) {
    let mut admin = sqlx::PgConnection::connect(server).await.unwrap();
    let (host, _) = server.rsplit_once('/').expect("the address names a database");
    for clients in [1, 64] {
        // Each begins with the stages as they were loaded.
        let name = format!("greenlight_bench_{}_{clients}", std::process::id());
        let sql = |text: String| AssertSqlSafe(text);
        sqlx::query(sql(format!("CREATE DATABASE {name} TEMPLATE template0")))
            .execute(&mut admin)
            .await
            .unwrap();
        let address = format!("{host}/{name}");
        data::load(&address, plan.size).await;
        let secret = data::key(&address).await;
        let mut work = Work::new(plan.size, &secret, clients, Poster::next_request);
        let ours = Service::start(&["greenlight", &address]);
        let mut rounds = Vec::new();
        for _ in 0..plan.rounds {
            rounds.push((work.ours(&ours, plan).await, Round::default()));
        }
        let rates = rounds.iter().map(|(round, _)| round.rate());
        table.note(&format!("PostgreSQL: transitions a second, {clients} clients"), 0, rates);
        work.notes("PostgreSQL", &rounds, table);
        drop(ours);
        sqlx::query(sql(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&mut admin).await.unwrap();
    }
}

/// The clients of one measurement; what they have done stays done from round to round.
pub(crate) struct Work {
    secret: String,
    next: Next,
    ours: Vec<Poster>,
    plain: Vec<Poster>,
    per_flush: Vec<f64>,
}

impl Work {
    /// So many clients that make requests in the same way.
    pub(crate) fn new(size: Size, secret: &str, clients: usize, next: Next) -> Self {
        let bearer = format!("Bearer {secret}");
        let posters = || (0..clients).map(|client| Poster::new(size, &bearer, client, clients)).collect();
        Self { secret: bearer.clone(), next, ours: posters(), plain: posters(), per_flush: Vec::new() }
    }

    /// A round at the register.
    pub(crate) async fn ours(&mut self, service: &Service, plan: Plan) -> Round {
        let before = commits(service, &self.secret).await;
        let round = run(&mut self.ours, service, plan, self.next).await;
        self.per_flush.push(round.requests / (commits(service, &self.secret).await - before).max(1.0));
        round
    }

    /// A round at the plain service.
    pub(crate) async fn plain(&mut self, service: &Service, plan: Plan) -> Round {
        run(&mut self.plain, service, plan, Poster::next_plain).await
    }

    fn notes(&self, engine: &str, rounds: &[(Round, Round)], table: &mut Table) {
        let clients = self.ours.len();
        table.note(
            &format!("{engine}: transitions per flush, {clients} clients"),
            1,
            self.per_flush.iter().copied(),
        );
        let slowest = rounds.iter().map(|(round, _)| round.p99.as_secs_f64() * 1000.0);
        table.note(&format!("{engine}: 99 of 100 transitions within, {clients} clients, ms"), 1, slowest);
    }
}

/// Lets posters post for a while, and keeps how far each has come.
async fn run(posters: &mut [Poster], service: &Service, plan: Plan, next: Next) -> Round {
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let makers = posters.iter_mut().enumerate().map(|(index, poster)| {
        let nobody = Poster { stages: Vec::new(), bearer: String::new(), ..*poster };
        let mut back = Back { index, poster: Some(std::mem::replace(poster, nobody)), keep: keep.clone() };
        move || back.poster.as_mut().map_or_else(Vec::new, next)
    });
    let round = load(service, makers.collect(), plan.span).await;
    drop(keep);
    while let Some((index, poster)) = kept.recv().await {
        posters[index] = poster;
    }
    round
}

/// Hands a poster back when its client is done.
struct Back {
    index: usize,
    poster: Option<Poster>,
    keep: tokio::sync::mpsc::UnboundedSender<(usize, Poster)>,
}

impl Drop for Back {
    fn drop(&mut self) {
        if let Some(poster) = self.poster.take() {
            let _ = self.keep.send((self.index, poster));
        }
    }
}

/// How many transactions the service has committed, as its measurements say.
async fn commits(service: &Service, bearer: &str) -> f64 {
    let request = get("/metrics", &[("authorization", bearer)]);
    let answer = Connection::open(service.address).await.ask(&request).await;
    let text = String::from_utf8(answer.body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("greenlight_commits_total "));
    line.unwrap().parse().unwrap()
}

/// How many single rows a second are inserted, each in a transaction of its own.
async fn inserts(file: &Path, plan: Plan) -> f64 {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let mut connection = options.connect().await.unwrap();
    sqlx::query("CREATE TABLE IF NOT EXISTS t (n INTEGER)").execute(&mut connection).await.unwrap();
    let (started, mut count) = (Instant::now(), 0);
    while started.elapsed() < plan.span / 2 {
        sqlx::query("INSERT INTO t VALUES (1)").execute(&mut connection).await.unwrap();
        count += 1;
    }
    let rate = figure(count) / started.elapsed().as_secs_f64();
    connection.close().await.unwrap();
    rate
}
