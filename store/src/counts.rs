//! Cycle counts in the database.
//!
//! A line keeps what the ledger said when it was counted, and the ledger's last movement then. Posting locks the stock items as
//! everybody does who changes levels; what others have posted or sold since is read under these locks.

use crate::{
    StoreError, Tx,
    db::{Arg, FromRow, Reader, Run, Sql, Store, json},
    filter::Filter,
    locations,
    paging::{Column, Page, Sorting},
    products::expect_version,
    stock::{self, Cause, LEVELS},
};
use inventory_domain::{
    Conflict, Refusal, Timestamp, Violation,
    count::{Accuracy, Count, CountLine, CountOutcome, CountStatus, Counted, CountedValue, NewCount, Record},
    event::EventType,
    limits,
    movement::{MovementKind, Reason},
};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

const HEAD: &str = "SELECT c.id, c.status, c.name, c.blind, c.location_id, c.category, c.created_by, c.version, c.created_at, \
                    c.posted_at, c.updated_at FROM counts c";

impl FromRow for Count {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            status: row.word(CountStatus::parse)?,
            name: row.text()?,
            blind: row.int()? != 0,
            location_id: row.int_opt()?,
            category: row.text_opt()?,
            lines_total: 0,
            lines_counted: 0,
            accuracy: None,
            lines: None,
            created_by: row.text()?,
            version: row.int()?,
            created_at: row.time()?,
            posted_at: row.time_opt()?,
            updated_at: row.time()?,
        })
    }
}

impl FromRow for CountLine {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        let (stock_item_id, sku, location, expected) = (row.int()?, row.text()?, row.text()?, row.int()?);
        let (counted, on_hand) = (row.int_opt()?, row.int_opt()?);
        Ok(Self {
            stock_item_id,
            sku,
            location,
            expected: Some(expected),
            counted,
            on_hand,
            difference: counted.zip(on_hand).map(|(counted, on_hand)| counted - on_hand),
            counted_at: row.time_opt()?,
            counted_by: row.text_opt()?,
            times: row.int()?,
            outcome: row.word_opt(CountOutcome::parse)?,
            adjusted: row.int_opt()?,
        })
    }
}

/// Sums over the lines of a count in one currency.
struct Sums {
    count_id: i64,
    currency: String,
    total: i64,
    counted: i64,
    agreeing: i64,
    on_hand_minor: i64,
    difference_minor: i64,
}

impl FromRow for Sums {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            count_id: row.int()?,
            currency: row.text()?,
            total: row.int()?,
            counted: row.int()?,
            agreeing: row.int()?,
            on_hand_minor: row.int()?,
            difference_minor: row.int()?,
        })
    }
}

/// What the sums of one or more counts say; `None` where nothing was counted.
fn accuracy<'s>(sums: impl Iterator<Item = &'s Sums> + Clone) -> Option<Accuracy> {
    let counted = sums.clone().map(|row| row.counted).sum();
    let agreeing = sums.clone().map(|row| row.agreeing).sum();
    let value = sums
        .filter(|row| row.counted > 0)
        .map(|row| CountedValue::new(row.currency.clone(), row.on_hand_minor, row.difference_minor))
        .collect();
    Accuracy::new(counted, agreeing, value)
}

#[derive(Serialize)]
struct IdRow {
    id: i64,
}

fn id_rows(ids: impl IntoIterator<Item = i64>) -> Result<String, StoreError> {
    json(&ids.into_iter().map(|id| IdRow { id }).collect::<Vec<_>>())
}

/// Adds up the lines of counts.
async fn sum_up(run: impl Run, counts: &mut [Count]) -> Result<(), StoreError> {
    static SUMS: Sql = Sql::new(
        "SELECT n.count_id, n.currency, COUNT(*), COUNT(n.counted),
                CAST(COALESCE(SUM(CASE WHEN n.counted = n.on_hand THEN 1 ELSE 0 END), 0) AS BIGINT),
                CAST(COALESCE(SUM(n.on_hand * n.unit_price_minor), 0) AS BIGINT),
                CAST(COALESCE(SUM(ABS(n.counted - n.on_hand) * n.unit_price_minor), 0) AS BIGINT)
         FROM {rows $1 r: id BIGINT} JOIN count_lines n ON n.count_id = r.id GROUP BY n.count_id, n.currency ORDER BY n.count_id, n.currency",
    );
    if counts.is_empty() {
        return Ok(());
    }
    let ids = id_rows(counts.iter().map(|count| count.id))?;
    let sums: Vec<Sums> = run.all(&SUMS, &[(&ids).into()]).await?;
    for count in counts {
        let own = sums.iter().filter(|row| row.count_id == count.id);
        count.lines_total = own.clone().map(|row| row.total).sum();
        count.lines_counted = own.clone().map(|row| row.counted).sum();
        count.accuracy = accuracy(own);
    }
    Ok(())
}

/// What counts may be sorted by.
pub static SORTING: Sorting = Sorting::new("-id", &[Column::int("id", "c.id")]);

/// A page of counts with this status, without their lines.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, status: Option<CountStatus>, page: Page) -> Result<Vec<Count>, StoreError> {
    let (sql, args) = conditions(status).page(HEAD, &SORTING, page);
    let mut counts = store.all(sql, &args).await?;
    sum_up(store, &mut counts).await?;
    Ok(counts)
}

/// How many counts.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, status: Option<CountStatus>) -> Result<i64, StoreError> {
    let (sql, args) = conditions(status).count("counts c");
    store.one(sql, &args).await
}

fn conditions<'a>(status: Option<CountStatus>) -> Filter<'a> {
    let mut filter = Filter::new();
    filter.opt("c.status = ?", status.map(CountStatus::as_str));
    filter
}

static LINES: Sql = Sql::new(
    "SELECT n.stock_item_id, p.sku, l.name, n.expected, n.counted, n.on_hand, n.counted_at, n.counted_by, n.times, n.outcome, n.adjusted
     FROM count_lines n JOIN stock_items s ON s.id = n.stock_item_id JOIN products p ON p.id = s.product_id
     JOIN locations l ON l.id = s.location_id WHERE n.count_id = $1 ORDER BY n.stock_item_id",
);

/// One count with its lines.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: i64) -> Result<Count, StoreError> {
    let mut counts = [found(store.first(head(""), &[id.into()]).await?, id)?];
    counts[0].lines = Some(store.all(&LINES, &[id.into()]).await?);
    sum_up(store, &mut counts).await?;
    let [count] = counts;
    Ok(count)
}

fn head(lock: &str) -> &'static Sql {
    Sql::interned(format!("{HEAD} WHERE c.id = $1{lock}"))
}

fn found(count: Option<Count>, id: i64) -> Result<Count, Refusal> {
    count.ok_or_else(|| Refusal::not_found("count", id))
}

async fn lock(tx: &mut Tx, id: i64, expected: Option<i64>) -> Result<Count, StoreError> {
    let count = found(tx.first(head(" {lock}"), &[id.into()]).await?, id)?;
    expect_version(expected, count.version)?;
    Ok(count)
}

fn subject(id: i64) -> String {
    format!("counts/{id}")
}

/// Writes the head of a changed count, adds its lines up, and records what was done.
async fn write(
    tx: &mut Tx,
    action: &'static str,
    event: EventType,
    before: &Count,
    mut after: Count,
) -> Result<Count, StoreError> {
    static UPDATE: Sql =
        Sql::new("UPDATE counts SET status = $2, posted_at = $3, version = $4, updated_at = $5 WHERE id = $1");
    after.version += 1;
    after.updated_at = tx.now();
    let args = [
        after.id.into(),
        after.status.as_str().into(),
        after.posted_at.map(Timestamp::micros).into(),
        after.version.into(),
        after.updated_at.into(),
    ];
    tx.execute(&UPDATE, &args).await?;
    let mut counts = [after];
    sum_up(&mut *tx, &mut counts).await?;
    let [mut after] = counts;
    tx.audit(action, subject(after.id), Some(before), Some(&after))?;
    tx.event(event, subject(after.id), &after)?;
    after.lines = Some(tx.all(&LINES, &[after.id.into()]).await?);
    Ok(after)
}

/// Opens a count of all stock items that fit, with what is expected of each.
///
/// # Errors
/// When the input breaks a rule, the location or a product does not exist, nothing fits, or too much does.
pub async fn create(tx: &mut Tx, new: &NewCount) -> Result<Count, StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO counts (status, name, blind, location_id, category, created_by, created_at, updated_at)
         VALUES ('open', $1, $2, $3, $4, $5, $6, $6) RETURNING id",
    );
    new.validate()?;
    if new.location_id.is_some() {
        locations::named(tx, new.location_id, None).await?;
    }
    let products = new.product_ids.as_deref().unwrap_or_default();
    crate::suppliers::expect_products(tx, products.iter().copied(), |at| format!("/product_ids/{at}")).await?;
    let actor = tx.caller().actor.clone();
    let args = [
        (&new.name).into(),
        i64::from(new.blind).into(),
        new.location_id.into(),
        new.category.as_deref().into(),
        (&actor).into(),
        tx.now().into(),
    ];
    let id: i64 = tx.one(&INSERT, &args).await?;
    let rows = id_rows(products.iter().copied())?;
    let mut filter = Filter::after(vec![Arg::Int(id)]);
    filter.opt("s.location_id = ?", new.location_id);
    filter.opt("p.category = ?", new.category.as_ref());
    if new.product_ids.is_some() {
        filter.add("s.product_id IN (SELECT r.id FROM {rows ? r: id BIGINT})", &rows);
    }
    let page = Page::new(0, limits::COUNT_LINES_MAX as i64 + 1);
    let (sql, args) = filter.within(
        "INSERT INTO count_lines (count_id, stock_item_id, expected, unit_price_minor, currency)
         SELECT $1, s.id, s.on_hand, p.unit_price_minor, p.currency FROM stock_items s JOIN products p ON p.id = s.product_id",
        " ORDER BY s.id",
        &page,
    );
    let lines = tx.execute(sql, &args).await?;
    if lines == 0 {
        return Err(Refusal::invalid("", "nothing_fits", "there is no stock item to count").into());
    }
    if lines > limits::COUNT_LINES_MAX as u64 {
        let detail = format!(
            "more than {} stock items fit; count them in parts, by location, category or product",
            limits::COUNT_LINES_MAX
        );
        return Err(Refusal::invalid("", "too_many", detail).into());
    }
    let count = Count {
        id,
        status: CountStatus::Open,
        name: new.name.clone(),
        blind: new.blind,
        location_id: new.location_id,
        category: new.category.clone(),
        lines_total: lines as i64,
        lines_counted: 0,
        accuracy: None,
        lines: None,
        created_by: actor,
        version: 1,
        created_at: tx.now(),
        posted_at: None,
        updated_at: tx.now(),
    };
    tx.audit("counts_create", subject(id), None, Some(&count))?;
    tx.event(EventType::CountOpened, subject(id), &count)?;
    Ok(Count {
        lines: Some(tx.all(&LINES, &[id.into()]).await?),
        ..count
    })
}

#[derive(Serialize)]
struct CountedRow<'a> {
    id: i64,
    counted: i64,
    /// When it was counted…
    at: i64,
    /// … and up to when movements were before that: to the end of time where it is counted now, whatever other clocks say.
    until: i64,
    actor: &'a str,
}

/// Records what was counted, with what the ledger said at that moment; gives the count with the lines that were recorded.
///
/// # Errors
/// When the input breaks a rule, there is no such count, its version is another one, it is not open, or a stock item is not in it.
pub async fn record(tx: &mut Tx, id: i64, expected: Option<i64>, record: &Record) -> Result<Count, StoreError> {
    static OTHERS: Sql = Sql::new(
        "SELECT r.id FROM {rows $1 r: id BIGINT}
         WHERE NOT EXISTS (SELECT 1 FROM count_lines n WHERE n.count_id = $2 AND n.stock_item_id = r.id)",
    );
    static RECORD: Sql = Sql::new(
        "UPDATE count_lines AS n SET counted = r.counted, counted_at = r.at, counted_by = r.actor, times = n.times + 1,
         on_hand = COALESCE((SELECT m.on_hand_after FROM movements m WHERE m.stock_item_id = n.stock_item_id AND m.created_at <= r.until
                             ORDER BY m.id DESC LIMIT 1), 0),
         movement_id = (SELECT m.id FROM movements m WHERE m.stock_item_id = n.stock_item_id AND m.created_at <= r.until
                        ORDER BY m.id DESC LIMIT 1)
         FROM {rows $1 r: id BIGINT, counted BIGINT, at BIGINT, until BIGINT, actor TEXT}
         WHERE n.count_id = $2 AND n.stock_item_id = r.id",
    );
    let before = lock(tx, id, expected).await?;
    before.expect_open("counted")?;
    record.validate(before.created_at, tx.now())?;
    let ids = id_rows(record.lines.iter().map(|line| line.stock_item_id))?;
    let others: Vec<i64> = tx.all(&OTHERS, &[(&ids).into(), id.into()]).await?;
    if !others.is_empty() {
        let is_other = |line: &&inventory_domain::count::RecordedLine| others.contains(&line.stock_item_id);
        let wrong = record.lines.iter().enumerate().filter(|(_, line)| is_other(line));
        let violation = |(at, line): (usize, &inventory_domain::count::RecordedLine)| Violation {
            pointer: format!("/lines/{at}/stock_item_id"),
            code: "not_in_count",
            detail: format!("inventory item {} is not in the count", line.stock_item_id),
        };
        return Err(Refusal::Invalid(wrong.map(violation).collect()).into());
    }
    let actor = tx.caller().actor.clone();
    let rows: Vec<_> = record
        .lines
        .iter()
        .map(|line| CountedRow {
            id: line.stock_item_id,
            counted: line.counted,
            at: line.counted_at.unwrap_or(tx.now()).micros(),
            until: line.counted_at.map_or(i64::MAX, Timestamp::micros),
            actor: &actor,
        })
        .collect();
    tx.execute(&RECORD, &[(&json(&rows)?).into(), id.into()]).await?;
    let mut after = write(tx, "counts_record", EventType::CountRecorded, &before, before.clone()).await?;
    // Who counts sends a line or a few: the others are no answer to it.
    let recorded: HashSet<_> = record.lines.iter().map(|line| line.stock_item_id).collect();
    if let Some(lines) = &mut after.lines {
        lines.retain(|line| recorded.contains(&line.stock_item_id));
    }
    Ok(after)
}

struct PostRow {
    stock_item_id: i64,
    counted: Counted,
}

impl FromRow for PostRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            stock_item_id: row.int()?,
            counted: Counted {
                counted: row.int()?,
                on_hand: row.int()?,
                corrected_since: row.int()?,
                is_superseded: row.int()? != 0,
            },
        })
    }
}

#[derive(Serialize)]
struct OutcomeRow {
    id: i64,
    outcome: CountOutcome,
    adjusted: i64,
}

/// Puts the differences of all counted lines into the ledger. A line that cannot be posted says why, and can be posted again.
///
/// # Errors
/// When there is no such count, its version is another one, or it has nothing (more) to post.
pub async fn post(tx: &mut Tx, id: i64, expected: Option<i64>) -> Result<Count, StoreError> {
    static BLOCKED: Sql = Sql::new("SELECT COUNT(*) FROM count_lines WHERE count_id = $1 AND outcome = 'blocked'");
    static DUE: Sql = Sql::new(
        "SELECT stock_item_id FROM count_lines WHERE count_id = $1 AND counted IS NOT NULL AND (outcome IS NULL OR outcome = 'blocked')",
    );
    static SINCE: Sql = Sql::new(
        "SELECT n.stock_item_id, n.counted, n.on_hand,
                CAST((SELECT COALESCE(SUM(m.on_hand_delta), 0) FROM movements m
                      WHERE m.stock_item_id = n.stock_item_id AND m.id > COALESCE(n.movement_id, 0) AND m.reason = 'count') AS BIGINT),
                CAST(CASE WHEN EXISTS (SELECT 1 FROM count_lines o WHERE o.stock_item_id = n.stock_item_id AND o.counted_at > n.counted_at
                      AND o.count_id <> n.count_id AND o.outcome IN ('agreed', 'adjusted')) THEN 1 ELSE 0 END AS BIGINT)
         FROM count_lines n WHERE n.count_id = $1 AND n.counted IS NOT NULL AND (n.outcome IS NULL OR n.outcome = 'blocked')
         ORDER BY n.stock_item_id",
    );
    static OUTCOMES: Sql = Sql::new(
        "UPDATE count_lines AS n SET outcome = r.outcome, adjusted = r.adjusted
         FROM {rows $1 r: id BIGINT, outcome TEXT, adjusted BIGINT} WHERE n.count_id = $2 AND n.stock_item_id = r.id",
    );
    let before = lock(tx, id, expected).await?;
    let blocked: i64 = tx.one(&BLOCKED, &[id.into()]).await?;
    before.expect_postable(blocked > 0)?;
    let ids: Vec<i64> = tx.all(&DUE, &[id.into()]).await?;
    if ids.is_empty() {
        let detail = format!("nothing of count {id} is counted yet");
        return Err(Refusal::conflict(Conflict::CountState, detail).into());
    }
    let items = stock::lock(tx, &[], &ids).await?;
    let mut items: BTreeMap<i64, _> = items.into_iter().map(|item| (item.id, item)).collect();
    // Read under the locks of the items: whoever posts another count of them has committed or waits.
    let lines: Vec<PostRow> = tx.all(&SINCE, &[id.into()]).await?;
    let mut outcomes = Vec::with_capacity(lines.len());
    let mut changed = HashMap::new();
    for line in lines {
        let Some(mut item) = items.remove(&line.stock_item_id) else {
            continue;
        };
        let (outcome, adjusted) = line.counted.post(item.on_hand, item.reserved);
        if outcome == CountOutcome::Adjusted {
            let before = item.view(tx.now());
            let cause = Cause {
                reason: Some(Reason::Count),
                note: Some(format!("count {id}")),
                ..Cause::default()
            };
            item.change(tx, MovementKind::Adjustment, adjusted, 0, cause)?;
            let view = item.view(tx.now());
            tx.audit("counts_post", stock::subject(item.id), Some(&before), Some(&view))?;
            tx.event(EventType::StockCounted, stock::subject(item.id), &view)?;
            changed.insert(item.id, item);
        }
        outcomes.push(OutcomeRow {
            id: line.stock_item_id,
            outcome,
            adjusted,
        });
    }
    tx.execute(&OUTCOMES, &[(&json(&outcomes)?).into(), id.into()]).await?;
    let mut after = before.clone();
    after.status = CountStatus::Posted;
    after.posted_at = after.posted_at.or_else(|| Some(tx.now()));
    let after = write(tx, "counts_post", EventType::CountPosted, &before, after).await?;
    let rows = stock::settle(tx, changed.into_values().collect())?;
    tx.stage(&LEVELS, rows)?;
    Ok(after)
}

/// Calls an open count off: nothing of it is posted.
///
/// # Errors
/// When there is no such count, its version is another one, or it is not open.
pub async fn cancel(tx: &mut Tx, id: i64, expected: Option<i64>) -> Result<Count, StoreError> {
    let before = lock(tx, id, expected).await?;
    before.expect_open("cancelled")?;
    let after = Count {
        status: CountStatus::Cancelled,
        ..before.clone()
    };
    write(tx, "counts_cancel", EventType::CountCancelled, &before, after).await
}

static POSTED_SUMS: Sql = Sql::new(
    "SELECT CAST(0 AS BIGINT), n.currency, COUNT(*), COUNT(n.counted),
            CAST(COALESCE(SUM(CASE WHEN n.counted = n.on_hand THEN 1 ELSE 0 END), 0) AS BIGINT),
            CAST(COALESCE(SUM(n.on_hand * n.unit_price_minor), 0) AS BIGINT),
            CAST(COALESCE(SUM(ABS(n.counted - n.on_hand) * n.unit_price_minor), 0) AS BIGINT)
     FROM counts c JOIN count_lines n ON n.count_id = c.id
     WHERE c.posted_at >= $1 AND c.posted_at < $2 GROUP BY n.currency ORDER BY n.currency",
);

/// How right the ledger was by all counts that were posted from `from` up to `to`; `None` where nothing was counted. It is given
/// up after two seconds.
///
/// # Errors
/// When the database is away or takes too long.
pub async fn accuracy_of(store: &Store, from: Timestamp, to: Timestamp) -> Result<Option<Accuracy>, StoreError> {
    let sums: Vec<Sums> = store.measure(&POSTED_SUMS, &[from.into(), to.into()]).await?;
    Ok(accuracy(sums.iter()))
}
