//! Running sums over movements, with a row per revision that changes one: figures at any revision are
//! look-ups, and a movement costs the same however long the ledger is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::bundle::{Items, damaged, items_of};
use super::error::Error;
use super::read::Read;
use super::row_buffer::{follow_all, insert_all};
use super::statement::{Cell, Statement};
use super::verify::Findings;
use super::write::{MOST_CELLS, Write};
use crate::domain::holding::Totals;
use crate::domain::id::{ChipId, CompanyId, MovementId};
use crate::domain::movement::{Movement, MovementKind};
use crate::domain::record::Action;
use crate::domain::text::Reference;

/// The columns of the sums.
pub(super) const SUMS: [&str; 5] = ["ordered", "cancelled", "shipped", "delivered", "returned"];
/// The columns, summed over rows `t`.
pub(super) const ADDED: [&str; 5] = [
    "COALESCE(SUM(t.ordered), 0)",
    "COALESCE(SUM(t.cancelled), 0)",
    "COALESCE(SUM(t.shipped), 0)",
    "COALESCE(SUM(t.delivered), 0)",
    "COALESCE(SUM(t.returned), 0)",
];

/// A table of running sums, by company, chip and one more column.
struct SumTable {
    name: &'static str,
    /// The third column of its key.
    part: &'static str,
    /// Its key.
    key: &'static [&'static str],
    /// The third column's value for a movement, in SQL.
    of_movement: &'static str,
    /// The third column's value for a movement.
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

/// A movement whose units are still to be added to the sums.
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
    /// The totals of each pair, including these movements.
    pairs: BTreeMap<(CompanyId, ChipId), Totals>,
    /// The movements not added to the sums yet.
    booked: Vec<Booked>,
    /// The sums read or changed so far, by table.
    sums: [BTreeMap<Key, Sum>; TABLES.len()],
    /// The movements that have an external reference.
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

    fn enter(&mut self, movement: &Movement, booked: Booked, total: Totals) {
        self.pairs.insert((movement.company.clone(), movement.chip.clone()), total);
        if let Some(external_ref) = &movement.external_ref {
            let key = (movement.company.clone(), movement.kind, external_ref.clone());
            self.referred.insert(key, movement.id.clone());
        }
        self.booked.push(booked);
    }
}

impl Booked {
    fn of(movement: &Movement) -> Self {
        Self {
            company: movement.company.clone(),
            chip: movement.chip.clone(),
            approval: movement.approval.as_ref().map(ToString::to_string).unwrap_or_default(),
            day: movement.occurred_on.to_string(),
            kind: movement.kind,
            units: movement.units.get(),
        }
    }
}

/// Company, chip, and approval or day.
type Key = (String, String, String);

/// A sum, and whether it has a row.
#[derive(Clone, Copy, Default)]
struct Sum {
    has_row: bool,
    totals: Totals,
}

impl Write {
    /// Records a movement and adds it to the totals. Returns `false`, without effect, if a sum of its company
    /// and chip would exceed what the register can store.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn book(&mut self, movement: &Movement) -> Result<bool, Error> {
        let booked = Booked::of(movement);
        let before = self.pair_totals(&booked).await?;
        let after = before.with(movement.kind, movement.units.get());
        let Some(after) = after.filter(|totals| totals.can_be_kept()) else { return Ok(false) };
        self.ledger_mut().enter(movement, booked, after);
        self.put(None, movement, Action::Created);
        Ok(true)
    }

    /// The totals of a movement's company and chip, including the movements booked so far. Also loads the
    /// movement's own sums.
    async fn pair_totals(&mut self, booked: &Booked) -> Result<Totals, Error> {
        let pair = (booked.company.clone(), booked.chip.clone());
        if let Some(totals) = self.ledger().pairs.get(&pair) {
            return Ok(*totals);
        }
        let of_pair =
            Statement::new("holding t WHERE t.until IS NULL AND t.company = ").bind(pair.0.as_str());
        let of_pair = of_pair.push(" AND t.chip = ").bind(pair.1.as_str());
        let of_pair = items_of(&ADDED, of_pair);
        let [of_case, of_day] = TABLES.map(|table| table.of_keys(&[cells(&table.key_of(booked))]));
        let mut found = self.queried().await?.bundled(vec![of_pair, of_case, of_day]).await?;
        let of_pair = found.next().ok_or_else(damaged)?;
        let totals = read_totals(of_pair.fields().next().ok_or_else(damaged)??)?;
        for ((table, known), rows) in TABLES.iter().zip(&mut self.ledger_mut().sums).zip(found) {
            known.entry(table.key_of(booked)).or_default();
            store_sums(known, &rows)?;
        }
        Ok(totals)
    }

    /// Writes the movements booked so far to the sums.
    pub(super) async fn flush_sums(&mut self) -> Result<(), Error> {
        let statements = self.added_up().await?;
        self.connection().execute_all(statements).await
    }

    /// The statements that add the movements booked so far to the sums.
    pub(super) async fn added_up(&mut self) -> Result<Vec<Statement>, Error> {
        let booked = std::mem::take(&mut self.ledger_mut().booked);
        let mut statements = Vec::new();
        if booked.is_empty() {
            return Ok(statements);
        }
        let mut sums = std::mem::take(&mut self.ledger_mut().sums);
        for (table, known) in TABLES.iter().zip(&mut sums) {
            statements.extend(self.add_up(table, &booked, known).await?);
        }
        self.ledger_mut().sums = sums;
        Ok(statements)
    }

    async fn add_up(
        &mut self,
        table: &'static SumTable,
        booked: &[Booked],
        known: &mut BTreeMap<Key, Sum>,
    ) -> Result<Vec<Statement>, Error> {
        let keys: BTreeSet<Key> = booked.iter().map(|entry| table.key_of(entry)).collect();
        let unknown: Vec<Vec<Cell>> =
            keys.iter().filter(|key| !known.contains_key(*key)).map(cells).collect();
        for some in unknown.chunks(MOST_CELLS / 3) {
            let rows = self.queried().await?.bundled(vec![table.of_keys(some)]).await?;
            rows.into_iter().try_for_each(|rows| store_sums(known, &rows))?;
        }
        let (has_row, new): (Vec<Key>, Vec<Key>) =
            keys.into_iter().partition(|key| known.get(key).is_some_and(|sum| sum.has_row));
        for entry in booked {
            let sum = known.entry(table.key_of(entry)).or_default();
            let more = sum.totals.with(entry.kind, entry.units);
            sum.totals = more
                .ok_or_else(|| Error::damaged(format_args!("a sum of {}", table.name), "is out of range"))?;
            sum.has_row = true;
        }
        let revision = self.next_revision();
        let rows = |keys: Vec<Key>| {
            let rows = keys.iter().filter_map(|key| Some(row(key, known.get(key)?.totals, revision)));
            rows.collect::<Vec<_>>()
        };
        let columns = [&SUMS[..], &["since"]].concat();
        let mut statements = follow_all(table.name, table.key, &columns, rows(has_row));
        let insert =
            Statement::new("INSERT INTO ").push(table.name).push(" (company, chip, ").push(table.part);
        let insert = columns.iter().fold(insert, |insert, column| insert.push(", ").push(column));
        statements.extend(insert_all(&insert.push(") VALUES "), rows(new), &Statement::new("")));
        Ok(statements)
    }
}

impl SumTable {
    fn key_of(&self, booked: &Booked) -> Key {
        (booked.company.to_string(), booked.chip.to_string(), (self.of)(booked).to_owned())
    }

    /// The query for the current rows with some keys.
    fn of_keys(&self, keys: &[Vec<Cell>]) -> Statement {
        let from = Statement::new("").bind_keys(keys).push(" JOIN ").push(self.name);
        items_of(&[self.key, &SUMS].concat(), from.push(" t ON t.until IS NULL").matching("t", self.key))
    }
}

/// Stores the sums found in some rows.
fn store_sums(sums: &mut BTreeMap<Key, Sum>, rows: &Items) -> Result<(), Error> {
    for item in rows.fields::<8>() {
        let [company, chip, part, totals @ ..] = item?;
        let key = (company.to_owned(), chip.to_owned(), part.to_owned());
        sums.insert(key, Sum { has_row: true, totals: read_totals(totals)? });
    }
    Ok(())
}

/// Parses sums from their texts.
pub(super) fn read_totals(sums: [&str; 5]) -> Result<Totals, Error> {
    let read = |sum: &str| sum.parse().map_err(|_cause| damaged());
    let [ordered, cancelled, shipped, delivered, returned] = sums.map(read);
    Ok(Totals {
        ordered: ordered?,
        cancelled: cancelled?,
        shipped: shipped?,
        delivered: delivered?,
        returned: returned?,
    })
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
    /// Sums every movement again and reports the rows that differ at any revision.
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
