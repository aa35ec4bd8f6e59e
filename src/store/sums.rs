//! Running sums over movements, a row for each revision that moved one: figures at any revision are
//! look-ups, and a movement costs the same however long the ledger is.

use std::collections::{BTreeMap, HashMap};

use super::error::Error;
use super::outbox::{follow_all, insert_all};
use super::read::Read;
use super::statement::{Cell, Statement};
use super::verify::Findings;
use super::write::{MOST_CELLS, Write};
use crate::domain::holding::Totals;
use crate::domain::id::{ChipId, CompanyId, MovementId};
use crate::domain::movement::{Movement, MovementKind};
use crate::domain::record::Action;
use crate::domain::text::Reference;

/// The sums of some rows of either table, under the name `t`.
pub(super) const SUMS: &str = "CAST(COALESCE(SUM(t.ordered), 0) AS BIGINT) AS ordered,
    CAST(COALESCE(SUM(t.cancelled), 0) AS BIGINT) AS cancelled,
    CAST(COALESCE(SUM(t.shipped), 0) AS BIGINT) AS shipped,
    CAST(COALESCE(SUM(t.delivered), 0) AS BIGINT) AS delivered,
    CAST(COALESCE(SUM(t.returned), 0) AS BIGINT) AS returned";

/// The sums of one row.
#[derive(sqlx::FromRow)]
pub(super) struct SumsRow {
    ordered: i64,
    cancelled: i64,
    shipped: i64,
    delivered: i64,
    returned: i64,
}

impl From<SumsRow> for Totals {
    fn from(row: SumsRow) -> Self {
        Self {
            ordered: row.ordered,
            cancelled: row.cancelled,
            shipped: row.shipped,
            delivered: row.delivered,
            returned: row.returned,
        }
    }
}

/// The columns of a row after its key.
const SUMMED: [&str; 6] = ["ordered", "cancelled", "shipped", "delivered", "returned", "since"];

/// A table of running sums: by company, chip and one thing more.
struct SumTable {
    name: &'static str,
    /// The third column of its key.
    part: &'static str,
    /// Its key.
    key: &'static [&'static str],
    /// What a movement has there, in SQL.
    of_movement: &'static str,
    /// What a movement has there.
    of: fn(&Booked) -> &str,
}

const TABLES: [SumTable; 2] = [
    SumTable {
        name: "holding",
        part: "approval",
        key: &["company", "chip", "approval"],
        of_movement: "COALESCE(m.approval, '')",
        of: |booked| &booked.approval,
    },
    SumTable {
        name: "holding_day",
        part: "day",
        key: &["company", "chip", "day"],
        of_movement: "m.occurred_on",
        of: |booked| &booked.day,
    },
];

/// A movement whose units are still to be added to the rows.
struct Booked {
    company: CompanyId,
    chip: ChipId,
    approval: String,
    day: String,
    kind: MovementKind,
    units: i64,
}

/// The movements of the revision being made.
#[derive(Default)]
pub(super) struct Ledger {
    /// What each pair of theirs adds up to with them.
    pairs: BTreeMap<(CompanyId, ChipId), Totals>,
    /// Those not in the rows yet.
    booked: Vec<Booked>,
    /// Those that have an external reference.
    referred: HashMap<(CompanyId, MovementKind, Reference), MovementId>,
}

impl Ledger {
    pub(super) fn referred(
        &self,
        company: &CompanyId,
        kind: MovementKind,
        external_ref: &Reference,
    ) -> Option<MovementId> {
        self.referred.get(&(company.clone(), kind, external_ref.clone())).cloned()
    }

    /// Whether movements are still to be added to the rows.
    pub(super) fn has_booked(&self) -> bool {
        !self.booked.is_empty()
    }

    fn enter(&mut self, movement: &Movement, total: Totals) {
        self.pairs.insert((movement.company.clone(), movement.chip.clone()), total);
        if let Some(external_ref) = &movement.external_ref {
            let key = (movement.company.clone(), movement.kind, external_ref.clone());
            self.referred.insert(key, movement.id.clone());
        }
        self.booked.push(Booked {
            company: movement.company.clone(),
            chip: movement.chip.clone(),
            approval: movement.approval.as_ref().map(ToString::to_string).unwrap_or_default(),
            day: movement.occurred_on.to_string(),
            kind: movement.kind,
            units: movement.units.get(),
        });
    }
}

/// Company, chip, and approval or day.
type Key = (String, String, String);

#[derive(sqlx::FromRow)]
struct CurrentRow {
    company: String,
    chip: String,
    part: String,
    #[sqlx(flatten)]
    sums: SumsRow,
}

/// A sum that is to be written, and whether it has a row.
#[derive(Default)]
struct Sum {
    has_row: bool,
    totals: Totals,
}

impl Write {
    /// Puts a movement on record and adds it up. `false` if a sum of its company and chip would be greater
    /// than the register keeps; nothing is done then.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn book(&mut self, movement: &Movement) -> Result<bool, Error> {
        let before = self.pair_totals(&movement.company, &movement.chip).await?;
        let after = before.with(movement.kind, movement.units.get());
        let Some(after) = after.filter(|totals| totals.can_be_kept()) else { return Ok(false) };
        self.ledger_mut().enter(movement, after);
        self.put(None, movement, Action::Created);
        Ok(true)
    }

    /// What a company and a chip add up to, with the movements booked so far.
    async fn pair_totals(&mut self, company: &CompanyId, chip: &ChipId) -> Result<Totals, Error> {
        if let Some(totals) = self.ledger().pairs.get(&(company.clone(), chip.clone())) {
            return Ok(*totals);
        }
        let statement = Statement::new("SELECT ").push(SUMS);
        let statement =
            statement.push(" FROM holding t WHERE t.until IS NULL AND t.company = ").bind(company.as_str());
        let statement = statement.push(" AND t.chip = ").bind(chip.as_str());
        Ok(self.queried().await?.fetch_one::<SumsRow>(statement).await?.into())
    }

    /// Adds the movements booked so far to the rows.
    pub(super) async fn flush_sums(&mut self) -> Result<(), Error> {
        let booked = std::mem::take(&mut self.ledger_mut().booked);
        if booked.is_empty() {
            return Ok(());
        }
        for table in &TABLES {
            self.add_up(table, &booked).await?;
        }
        Ok(())
    }

    async fn add_up(&mut self, table: &'static SumTable, booked: &[Booked]) -> Result<(), Error> {
        let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
        let key = |entry: &Booked| {
            (entry.company.to_string(), entry.chip.to_string(), (table.of)(entry).to_owned())
        };
        sums.extend(booked.iter().map(|entry| (key(entry), Sum::default())));
        self.load_sums(table, &mut sums).await?;
        for entry in booked {
            let sum = sums.entry(key(entry)).or_default();
            let more = sum.totals.with(entry.kind, entry.units);
            sum.totals =
                more.ok_or_else(|| Error::Unfit(format!("a sum of {} is out of range", table.name)))?;
        }
        let revision = self.next_revision();
        let (known, new): (Vec<_>, Vec<_>) = sums.iter().partition(|(_, sum)| sum.has_row);
        let rows = |sums: Vec<(&Key, &Sum)>| {
            sums.into_iter().map(|(key, sum)| row(key, sum.totals, revision)).collect::<Vec<_>>()
        };
        let mut statements = follow_all(table.name, table.key, &SUMMED, rows(known));
        let insert =
            Statement::new("INSERT INTO ").push(table.name).push(" (company, chip, ").push(table.part);
        let insert = SUMMED.iter().fold(insert, |insert, column| insert.push(", ").push(column));
        statements.extend(insert_all(&insert.push(") VALUES "), rows(new), &Statement::new("")));
        self.connection().execute_all(statements).await
    }

    async fn load_sums(
        &mut self,
        table: &'static SumTable,
        sums: &mut BTreeMap<Key, Sum>,
    ) -> Result<(), Error> {
        let keys: Vec<Vec<Cell>> = sums.keys().map(cells).collect();
        for some in keys.chunks(MOST_CELLS / 3) {
            let statement = Statement::new("SELECT t.company, t.chip, t.")
                .push(table.part)
                .push(" AS part, t.ordered, t.cancelled, t.shipped, t.delivered, t.returned FROM ");
            let statement = statement.bind_keys(some).push(" JOIN ").push(table.name);
            let statement = statement.push(" t ON t.until IS NULL").matching("t", table.key);
            for current in self.queried().await?.fetch_all::<CurrentRow>(statement).await? {
                let key = (current.company, current.chip, current.part);
                sums.insert(key, Sum { has_row: true, totals: current.sums.into() });
            }
        }
        Ok(())
    }
}

fn cells((company, chip, part): &Key) -> Vec<Cell> {
    vec![company.as_str().into(), chip.as_str().into(), part.as_str().into()]
}

fn row(key: &Key, totals: Totals, revision: i64) -> Vec<Cell> {
    let Totals { ordered, cancelled, shipped, delivered, returned } = totals;
    let sums = [ordered, cancelled, shipped, delivered, returned, revision];
    [cells(key), sums.map(Cell::from).to_vec()].concat()
}

impl Read {
    /// Adds up every movement again, and finds the rows that say something else at any revision.
    pub(super) async fn check_sums(&mut self, findings: &mut Findings, enough: i64) -> Result<(), Error> {
        for SumTable { name, part, of_movement, .. } in TABLES {
            let statement = Statement::new("WITH moved AS (SELECT m.company, m.chip, ").push(of_movement);
            let statement = statement.push(
                " AS part, m.since,
                    SUM(CASE WHEN m.kind = 'order' THEN m.units ELSE 0 END) AS ordered,
                    SUM(CASE WHEN m.kind = 'cancellation' THEN m.units ELSE 0 END) AS cancelled,
                    SUM(CASE WHEN m.kind = 'shipment' THEN m.units ELSE 0 END) AS shipped,
                    SUM(CASE WHEN m.kind = 'delivery' THEN m.units ELSE 0 END) AS delivered,
                    SUM(CASE WHEN m.kind = 'return' THEN m.units ELSE 0 END) AS returned
                 FROM movement m GROUP BY m.company, m.chip, ",
            );
            let statement = statement.push(of_movement).push(
                ", m.since), added AS (SELECT company, chip, part, since, LEAD(since) OVER w AS until,
                    SUM(ordered) OVER w AS ordered, SUM(cancelled) OVER w AS cancelled,
                    SUM(shipped) OVER w AS shipped, SUM(delivered) OVER w AS delivered,
                    SUM(returned) OVER w AS returned
                 FROM moved WINDOW w AS (PARTITION BY company, chip, part ORDER BY since))
                 SELECT COALESCE(a.company, t.company) || ' ' || COALESCE(a.chip, t.chip) || ' ' || COALESCE(a.part, t.",
            );
            let statement =
                statement.push(part).push("), COALESCE(a.since, t.since) FROM added a FULL JOIN ");
            let statement = statement.push(name).push(
                " t ON t.company = a.company AND t.chip = a.chip AND t.since = a.since AND a.part = t.",
            );
            let statement = statement.push(part).push(
                " WHERE a.since IS NULL OR t.since IS NULL OR t.until IS DISTINCT FROM a.until
                    OR t.ordered <> a.ordered OR t.cancelled <> a.cancelled OR t.shipped <> a.shipped
                    OR t.delivered <> a.delivered OR t.returned <> a.returned LIMIT ",
            );
            let rows = self.connection.fetch_all(statement.bind(enough)).await?;
            findings.add_all(&format!("{name}: a sum is not that of the movements"), rows);
        }
        Ok(())
    }
}
