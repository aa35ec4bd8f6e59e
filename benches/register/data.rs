//! The register that is measured, made by the ordinary import.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use greenlight::app::keys::{self, NewKey};
use greenlight::app::{Maker, Register, imports};
use greenlight::clock::Clock;
use greenlight::domain::actor::{Actor, Role};
use greenlight::domain::text::Name;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

/// How much is on record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) companies: usize,
    pub(crate) chips: usize,
    pub(crate) approvals: usize,
    pub(crate) conditions: usize,
    pub(crate) transitions: usize,
    /// How many lines make a revision.
    pub(crate) lines: usize,
}

/// What the figures are stated for.
pub(crate) const PERFORMANCE: Size = Size {
    companies: 50,
    chips: 40,
    approvals: 2000,
    conditions: 4000,
    transitions: 10_000,
    lines: imports::LINES_A_REVISION,
};
/// Enough to see that everything runs.
pub(crate) const SMALL: Size =
    Size { companies: 50, chips: 4, approvals: 200, conditions: 20, transitions: 400, ..PERFORMANCE };
/// A register that has been kept for decades: a revision for nearly every line.
pub(crate) const SCALE: Size = Size {
    companies: 10_000,
    chips: 40,
    approvals: 100_000,
    conditions: 50_000,
    transitions: 850_000,
    lines: 1,
};

/// The stages of the one workflow, each of which leads to the next and the last to the first.
pub(crate) const STAGES: usize = 3;
/// How many imports are under way at once.
const AT_ONCE: usize = 64;

/// The id of an approval, with those of its company and chip.
pub(crate) fn approval(size: Size, index: usize) -> (String, String, String) {
    let company = format!("company-{}", index / size.chips % size.companies);
    (format!("case-{index:06}"), company, format!("chip-{}", index % size.chips))
}

/// How many transitions each approval has to begin with.
pub(crate) fn transitions_each(size: Size) -> usize {
    size.transitions / size.approvals
}

/// The lines of the register, in waves: those of one wave do not refer to each other.
fn waves(size: Size) -> Vec<Vec<String>> {
    let own_record = r#""citations":[{"attribution":"own_record"}]"#;
    let stage = |stage: usize| {
        format!(
            r#"{{"id":"stage-{stage}","name":"Stage {stage}","phase":"granted","permits":["order","ship"]}}"#
        )
    };
    let step = |stage: usize| format!(r#"{{"from":"stage-{stage}","to":"stage-{}"}}"#, (stage + 1) % STAGES);
    let joined = |line: &dyn Fn(usize) -> String| (0..STAGES).map(line).collect::<Vec<_>>().join(",");
    let workflow = format!(
        r#"{{"kind":"workflow","id":"flow","name":"Flow","stages":[{}],"moves":[{}],"initial":"stage-0"}}"#,
        joined(&stage),
        joined(&step)
    );
    let authority = r#"{"kind":"authority","id":"authority-0","name":"Authority","jurisdiction":"CN","gate":"import","workflow":"flow"}"#;
    let company = |index: usize| {
        format!(
            r#"{{"kind":"company","id":"company-{index}","name":"Company {index}","jurisdiction":"CN","roles":["buyer"]}}"#
        )
    };
    let chip = |index: usize| {
        format!(
            r#"{{"kind":"chip","id":"chip-{index}","name":"Chip {index}","designer":"company-0","origin":"US"}}"#
        )
    };
    let case = |index: usize| {
        let (id, company, chip) = approval(size, index);
        format!(
            r#"{{"kind":"approval","id":"{id}","company":"{company}","chip":"{chip}","authority":"authority-0","note":"{}"}}"#,
            "x".repeat(40)
        )
    };
    let condition = |index: usize| {
        let (_, company, chip) = approval(size, index % size.approvals);
        format!(
            r#"{{"kind":"condition","id":"condition-{index}","scope":{{"company":"{company}","chip":"{chip}"}},"condition_kind":"unit_cap","maximum":1000000,"counting":"ordered","force":"required","status":"in_force",{own_record}}}"#
        )
    };
    let mut waves = vec![vec![workflow], vec![authority.to_owned()]];
    waves.push((0..size.companies).map(company).collect());
    waves.push((0..size.chips).map(chip).collect());
    waves.push((0..size.approvals).map(case).collect());
    waves.push((0..size.conditions).map(condition).collect());
    for pass in 0..transitions_each(size) {
        let transition = |index: usize| {
            let (id, _, _) = approval(size, index);
            let to = (pass + 1) % STAGES;
            format!(
                r#"{{"kind":"transition","id":"t-{index}-{pass}","approval":"{id}","to":"stage-{to}","effective_on":{{"date":"2025-01-{:02}","precision":"day"}},{own_record}}}"#,
                pass + 1
            )
        };
        waves.push((0..size.approvals).map(transition).collect());
    }
    waves
}

/// Loads a register.
pub(crate) async fn load(address: &str, size: Size) {
    let register = Register::open(address.parse().unwrap(), Clock::system()).await.unwrap();
    for wave in waves(size) {
        let parts = wave.chunks(size.lines).map(|lines| import(&register, lines.join("\n")));
        stream::iter(parts).buffer_unordered(AT_ONCE).collect::<()>().await;
    }
    close(&register, address).await;
}

/// Makes a key that may write to a register, and returns its secret.
pub(crate) async fn key(address: &str) -> String {
    let register = Register::open(address.parse().unwrap(), Clock::system()).await.unwrap();
    let new = NewKey {
        name: name("benchmark"),
        owner: name("operator"),
        role: Role::Admin,
        authorities: Vec::new(),
        expires_at: None,
    };
    let made = register
        .write(|write| Box::pin(async move { Ok(keys::create(write, &Actor::Operator, new).await) }))
        .await;
    let (_, secret) = made.unwrap().unwrap();
    close(&register, address).await;
    secret.reveal().to_owned()
}

async fn close(register: &Register, address: &str) {
    register.store().close().await;
    if let Some(file) = address.strip_prefix("sqlite:") {
        gather(file).await;
    }
}

/// Brings everything into the file itself, which is copied next: the log may outlive its connections.
async fn gather(file: &str) {
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let checkpoint = || sqlx::query_as::<_, (i64, i64, i64)>("PRAGMA wal_checkpoint(TRUNCATE)");
    while checkpoint().fetch_one(&mut connection).await.unwrap().0 != 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    connection.close().await.unwrap();
}

async fn import(register: &Register, lines: String) {
    let outcome = register.write(move |write| {
        Box::pin(async move {
            let read = |(number, line)| (number, imports::read(line).expect("a line can be read"));
            let lines = imports::numbered(lines.as_bytes()).map(read).collect();
            let outcome = imports::apply(write, &Actor::Operator, lines).await.unwrap();
            let (actor, request_id) = (name("operator"), name("benchmark"));
            write.record(&Maker { actor, reason: None, request_id }).await?;
            Ok(outcome)
        })
    });
    let outcome = outcome.await.unwrap();
    assert_eq!(outcome.failed, 0, "{:?}", outcome.bad.first());
}

fn name(text: &str) -> Name {
    Name::try_from(text).unwrap()
}
