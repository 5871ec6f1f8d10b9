//! Transfers in the database: planned, sent, received, called off. The ledger has both ends.
//!
//! A transfer is locked before the stock items that it changes. However many lines it has, the statements are the same.

use crate::{
    StoreError, Tx,
    db::{FromRow, Reader, Run as _, Sql, Store, json},
    filter::Filter,
    holds::{self, Freed},
    locations,
    names::{self, Ordering},
    paging::{Column, Page, Sorting},
    products::expect_version,
    stock::{self, Cause},
};
use inventory_domain::{
    Conflict, Refusal,
    event::EventType,
    movement::{MovementKind, Reason},
    order::NewOrderLine,
    transfer::{NewTransfer, Transfer, TransferChanges, TransferLine, TransferReceipt, TransferStatus},
};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// What transfers may be sorted by.
pub static SORTING: Sorting = Sorting::new("-id", &[Column::int("id", "t.id")]);

/// Which transfers.
#[derive(Clone, Debug, Default)]
pub struct TransferFilter {
    /// With this status.
    pub status: Option<TransferStatus>,
    /// From this location.
    pub from_location_id: Option<i64>,
    /// To this location.
    pub to_location_id: Option<i64>,
}

impl TransferFilter {
    fn conditions(&self) -> Filter<'_> {
        let mut filter = Filter::new();
        filter.opt("t.status = ?", self.status.map(TransferStatus::as_str));
        filter.opt("t.from_location_id = ?", self.from_location_id);
        filter.opt("t.to_location_id = ?", self.to_location_id);
        filter
    }
}

const SELECT: &str = "SELECT t.id, t.status, t.from_location_id, a.name, t.to_location_id, b.name, t.note, t.version, \
                      t.created_at, t.dispatched_at, t.received_at, t.updated_at FROM transfers t \
                      JOIN locations a ON a.id = t.from_location_id JOIN locations b ON b.id = t.to_location_id";

impl FromRow for Transfer {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            status: row.word(TransferStatus::parse)?,
            from_location_id: row.int()?,
            from_location: row.text()?,
            to_location_id: row.int()?,
            to_location: row.text()?,
            note: row.text_opt()?,
            lines: Vec::new(),
            version: row.int()?,
            created_at: row.time()?,
            dispatched_at: row.time_opt()?,
            received_at: row.time_opt()?,
            updated_at: row.time()?,
        })
    }
}

struct LineRow {
    transfer_id: i64,
    line: TransferLine,
}

impl FromRow for LineRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            transfer_id: row.int()?,
            line: TransferLine {
                line: row.int()?,
                product_id: row.int()?,
                sku: row.text()?,
                quantity: row.int()?,
                received: row.int()?,
                lost: 0,
            },
        })
    }
}

#[derive(Serialize)]
struct TransferRef {
    transfer_id: i64,
}

static LINES: Sql = Sql::new(
    "SELECT l.transfer_id, l.line, l.product_id, p.sku, l.quantity, l.received
     FROM {rows $1 r: transfer_id BIGINT} JOIN transfer_lines l ON l.transfer_id = r.transfer_id JOIN products p ON p.id = l.product_id
     ORDER BY l.transfer_id, l.line",
);

fn refs(transfers: &[Transfer]) -> Result<String, StoreError> {
    let refs = transfers.iter().map(|transfer| TransferRef {
        transfer_id: transfer.id,
    });
    json(&refs.collect::<Vec<_>>())
}

fn put_lines(transfers: &mut [Transfer], rows: Vec<LineRow>) {
    let mut lines: HashMap<i64, Vec<TransferLine>> = HashMap::with_capacity(transfers.len());
    for row in rows {
        lines.entry(row.transfer_id).or_default().push(row.line);
    }
    for transfer in transfers {
        transfer.lines = lines.remove(&transfer.id).unwrap_or_default();
        if transfer.status == TransferStatus::Received {
            for line in &mut transfer.lines {
                line.lost = line.quantity - line.received;
            }
        }
    }
}

/// A page of transfers.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, filter: &TransferFilter, page: Page) -> Result<Vec<Transfer>, StoreError> {
    let (sql, args) = filter.conditions().page(SELECT, &SORTING, page);
    let mut transfers: Vec<Transfer> = store.all(sql, &args).await?;
    if !transfers.is_empty() {
        let rows = store.all(&LINES, &[(&refs(&transfers)?).into()]).await?;
        put_lines(&mut transfers, rows);
    }
    Ok(transfers)
}

/// How many transfers.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, filter: &TransferFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter.conditions().count("transfers t");
    store.one(sql, &args).await
}

/// One transfer.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: i64) -> Result<Transfer, StoreError> {
    let sql = Sql::interned(format!("{SELECT} WHERE t.id = $1"));
    let mut found: Vec<Transfer> = store.all(sql, &[id.into()]).await?;
    let rows = store.all(&LINES, &[(&refs(&found)?).into()]).await?;
    put_lines(&mut found, rows);
    Ok(found.pop().ok_or_else(|| missing(id))?)
}

fn missing(id: i64) -> Refusal {
    Refusal::not_found("transfer", id)
}

async fn lock(tx: &mut Tx, id: i64) -> Result<Transfer, StoreError> {
    let sql = Sql::interned(format!("{SELECT} WHERE t.id = $1 {{lock t}}"));
    let mut found: Vec<Transfer> = tx.all(sql, &[id.into()]).await?;
    let rows = tx.all(&LINES, &[(&refs(&found)?).into()]).await?;
    put_lines(&mut found, rows);
    Ok(found.pop().ok_or_else(|| missing(id))?)
}

/// The subject of a transfer's events and audit rows, and the note of its movements.
fn subject(id: i64) -> String {
    format!("transfers/{id}")
}

#[derive(Serialize)]
struct NewLineRow {
    transfer_id: i64,
    line: i64,
    product_id: i64,
    quantity: i64,
}

/// The lines that a caller names, checked.
async fn named(tx: &mut Tx, lines: &[NewOrderLine]) -> Result<Vec<TransferLine>, StoreError> {
    let wanted = names::wanted(lines);
    let names = names::resolve(tx, &[(&wanted, Ordering::Nobody)]).await?;
    let lines = names.stocked_lines(&wanted)?.into_iter();
    let line = |line: inventory_domain::order::OrderLine| TransferLine {
        line: line.line,
        product_id: line.product_id,
        sku: line.sku,
        quantity: line.quantity,
        received: 0,
        lost: 0,
    };
    Ok(lines.map(line).collect())
}

async fn insert_lines(tx: &mut Tx, transfer: &Transfer) -> Result<(), StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO transfer_lines (transfer_id, line, product_id, quantity)
         SELECT transfer_id, line, product_id, quantity
         FROM {rows $1 r: transfer_id BIGINT, line BIGINT, product_id BIGINT, quantity BIGINT}",
    );
    let row = |line: &TransferLine| NewLineRow {
        transfer_id: transfer.id,
        line: line.line,
        product_id: line.product_id,
        quantity: line.quantity,
    };
    let rows: Vec<_> = transfer.lines.iter().map(row).collect();
    tx.execute(&INSERT, &[(&json(&rows)?).into()]).await?;
    Ok(())
}

/// Plans a transfer; nothing moves yet.
///
/// # Errors
/// When the input breaks a rule, or names what does not exist or is archived.
pub async fn create(tx: &mut Tx, new: &NewTransfer) -> Result<Transfer, StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO transfers (status, from_location_id, to_location_id, note, created_at, updated_at)
         VALUES ('draft', $1, $2, $3, $4, $4) RETURNING id",
    );
    new.validate()?;
    let lines = named(tx, &new.lines).await?;
    let from = ("/from_location", new.from_location.as_deref());
    let from = locations::look_up(tx, from, ("/from_location_id", new.from_location_id)).await?;
    let to = ("/to_location", new.to_location.as_deref());
    let to = locations::look_up(tx, to, ("/to_location_id", new.to_location_id)).await?;
    let (Some(from), Some(to)) = (from, to) else {
        return Err(StoreError::Internal(sqlx::Error::RowNotFound));
    };
    if from.id == to.id {
        let pointer = if new.to_location.is_some() {
            "/to_location"
        } else {
            "/to_location_id"
        };
        return Err(Refusal::invalid(pointer, "same_location", "must be another location").into());
    }
    let now = tx.now();
    let args = [from.id.into(), to.id.into(), new.note.as_deref().into(), now.into()];
    let transfer = Transfer {
        id: tx.one(&INSERT, &args).await?,
        status: TransferStatus::Draft,
        from_location_id: from.id,
        from_location: from.name,
        to_location_id: to.id,
        to_location: to.name,
        note: new.note.clone(),
        lines,
        version: 1,
        created_at: now,
        dispatched_at: None,
        received_at: None,
        updated_at: now,
    };
    insert_lines(tx, &transfer).await?;
    tx.audit("transfers_create", subject(transfer.id), None, Some(&transfer))?;
    tx.event(EventType::TransferCreated, subject(transfer.id), &transfer)?;
    Ok(transfer)
}

/// Writes a changed transfer (not its lines) and its records.
async fn write(
    tx: &mut Tx,
    before: &Transfer,
    after: &mut Transfer,
    action: &'static str,
    event: EventType,
) -> Result<(), StoreError> {
    static UPDATE: Sql = Sql::new(
        "UPDATE transfers SET status = $2, note = $3, dispatched_at = $4, received_at = $5, version = $6, updated_at = $7
         WHERE id = $1",
    );
    after.version = before.version + 1;
    after.updated_at = tx.now();
    let args = [
        after.id.into(),
        after.status.as_str().into(),
        after.note.as_deref().into(),
        after.dispatched_at.map(inventory_domain::Timestamp::micros).into(),
        after.received_at.map(inventory_domain::Timestamp::micros).into(),
        after.version.into(),
        after.updated_at.into(),
    ];
    tx.execute(&UPDATE, &args).await?;
    tx.audit(action, subject(after.id), Some(before), Some(&*after))?;
    tx.event(event, subject(after.id), &*after)
}

/// Changes a draft.
///
/// # Errors
/// When the input breaks a rule, there is no such transfer, its version is another one, or it is no draft any more.
pub async fn update(
    tx: &mut Tx,
    id: i64,
    expected: Option<i64>,
    changes: &TransferChanges,
) -> Result<Transfer, StoreError> {
    static CLEAR: Sql = Sql::new("DELETE FROM transfer_lines WHERE transfer_id = $1");
    changes.validate()?;
    let before = lock(tx, id).await?;
    expect_version(expected, before.version)?;
    if before.status != TransferStatus::Draft {
        let detail = format!("transfer {id} is {} and no draft any more", before.status);
        return Err(Refusal::conflict(Conflict::TransferState, detail).into());
    }
    let mut after = before.clone();
    if let Some(note) = &changes.note {
        after.note.clone_from(note);
    }
    if let Some(lines) = &changes.lines {
        after.lines = named(tx, lines).await?;
    }
    if after == before {
        return Ok(before);
    }
    if after.lines != before.lines {
        tx.execute(&CLEAR, &[id.into()]).await?;
        insert_lines(tx, &after).await?;
    }
    write(tx, &before, &mut after, "transfers_update", EventType::TransferUpdated).await?;
    Ok(after)
}

/// The stock items of a transfer's products at a location, locked, with nothing due on them; by product.
async fn lock_items(
    tx: &mut Tx,
    transfer: &Transfer,
    location_id: i64,
) -> Result<(Freed, BTreeMap<i64, i64>), StoreError> {
    let ids = stock::items_at(tx, location_id, transfer.lines.iter().map(|line| line.product_id)).await?;
    let freed = holds::lock_free(tx, &[], &ids).await?;
    // What was due may have units of others, too.
    let its = freed.items().filter(|item| ids.contains(&item.id));
    let by_product = its.map(|item| (item.product_id, item.id)).collect();
    Ok((freed, by_product))
}

/// Moves units of a line's item, for a reason, with the transfer named.
fn shift(tx: &mut Tx, freed: &mut Freed, item: i64, delta: i64, reason: Reason, id: i64) -> Result<(), StoreError> {
    let cause = Cause {
        reason: Some(reason),
        note: Some(subject(id)),
        order_id: None,
    };
    freed
        .item_mut(item)?
        .change(tx, MovementKind::Adjustment, delta, 0, cause)?;
    Ok(())
}

/// Records an event for each item that has changed, and leaves all to be written.
fn finish(tx: &mut Tx, freed: Freed, changed: &BTreeMap<i64, i64>) -> Result<(), StoreError> {
    for id in changed.values() {
        let view = freed.item(*id)?.view(tx.now());
        tx.event(EventType::StockTransferred, stock::subject(*id), &view)?;
    }
    freed.stage(tx)
}

/// Sends a transfer off: its units are on hand nowhere until they arrive. Asking twice is answered as the first time was.
///
/// # Errors
/// When there is no such transfer, its version or its status is another one, or too few units are available.
pub async fn dispatch(tx: &mut Tx, id: i64, expected: Option<i64>) -> Result<Transfer, StoreError> {
    let before = lock(tx, id).await?;
    if before.status == TransferStatus::InTransit {
        return Ok(before);
    }
    expect_version(expected, before.version)?;
    before.expect(TransferStatus::InTransit)?;
    let (mut freed, items) = lock_items(tx, &before, before.from_location_id).await?;
    for line in &before.lines {
        let item = items.get(&line.product_id).copied();
        let available = item.map_or(Ok(0), |item| freed.item(item).map(stock::LockedItem::available))?;
        let Some(item) = item.filter(|_| available >= line.quantity) else {
            let detail = format!(
                "line {}: {} units of {} are to be sent, {available} are available at {}",
                line.line, line.quantity, line.sku, before.from_location
            );
            return Err(Refusal::conflict(Conflict::InsufficientStock, detail).into());
        };
        shift(tx, &mut freed, item, -line.quantity, Reason::Transfer, id)?;
    }
    let mut after = Transfer {
        status: TransferStatus::InTransit,
        dispatched_at: Some(tx.now()),
        ..before.clone()
    };
    write(
        tx,
        &before,
        &mut after,
        "transfers_dispatch",
        EventType::TransferDispatched,
    )
    .await?;
    finish(tx, freed, &items)?;
    Ok(after)
}

/// Receives a transfer: what has arrived is on hand there; what has not comes and goes as a loss, so that the ledger tells
/// where the units went. Asking twice is answered as the first time was.
///
/// # Errors
/// When the input breaks a rule, there is no such transfer, its version or its status is another one, or the location would hold
/// too much.
pub async fn receive(
    tx: &mut Tx,
    id: i64,
    expected: Option<i64>,
    receipt: &TransferReceipt,
) -> Result<Transfer, StoreError> {
    static ARRIVED: Sql = Sql::new(
        "UPDATE transfer_lines AS l SET received = r.received FROM {rows $1 r: line BIGINT, received BIGINT}
         WHERE l.transfer_id = $2 AND l.line = r.line",
    );
    #[derive(Serialize)]
    struct ArrivedRow {
        line: i64,
        received: i64,
    }
    let before = lock(tx, id).await?;
    let lines = receipt.apply(&before.lines)?;
    if before.status == TransferStatus::Received {
        return Ok(before);
    }
    expect_version(expected, before.version)?;
    before.expect(TransferStatus::Received)?;
    let location_id = before.to_location_id;
    stock::ensure_items(tx, location_id, lines.iter().map(|line| line.product_id)).await?;
    let (mut freed, items) = lock_items(tx, &before, location_id).await?;
    for line in &lines {
        let item = items
            .get(&line.product_id)
            .copied()
            .ok_or(StoreError::Internal(sqlx::Error::RowNotFound))?;
        shift(tx, &mut freed, item, line.quantity, Reason::Transfer, id)?;
        if line.lost > 0 {
            shift(tx, &mut freed, item, -line.lost, Reason::Loss, id)?;
        }
    }
    let arrived = lines.iter().map(|line| ArrivedRow {
        line: line.line,
        received: line.received,
    });
    let arrived = json(&arrived.collect::<Vec<_>>())?;
    tx.execute(&ARRIVED, &[(&arrived).into(), id.into()]).await?;
    let mut after = Transfer {
        status: TransferStatus::Received,
        received_at: Some(tx.now()),
        lines,
        ..before.clone()
    };
    write(
        tx,
        &before,
        &mut after,
        "transfers_receive",
        EventType::TransferReceived,
    )
    .await?;
    finish(tx, freed, &items)?;
    Ok(after)
}

/// Calls a transfer off; what is on its way is back where it came from. Asking twice is answered as the first time was.
///
/// # Errors
/// When there is no such transfer, its version is another one, or it was received.
pub async fn cancel(tx: &mut Tx, id: i64, expected: Option<i64>) -> Result<Transfer, StoreError> {
    let before = lock(tx, id).await?;
    if before.status == TransferStatus::Cancelled {
        return Ok(before);
    }
    expect_version(expected, before.version)?;
    before.expect(TransferStatus::Cancelled)?;
    let mut after = Transfer {
        status: TransferStatus::Cancelled,
        ..before.clone()
    };
    if before.status == TransferStatus::InTransit {
        let (mut freed, items) = lock_items(tx, &before, before.from_location_id).await?;
        for line in &before.lines {
            let item = items
                .get(&line.product_id)
                .copied()
                .ok_or(StoreError::Internal(sqlx::Error::RowNotFound))?;
            shift(tx, &mut freed, item, line.quantity, Reason::Transfer, id)?;
        }
        finish(tx, freed, &items)?;
    }
    write(
        tx,
        &before,
        &mut after,
        "transfers_cancel",
        EventType::TransferCancelled,
    )
    .await?;
    Ok(after)
}

/// Units of a product that are in transit.
pub(crate) async fn in_transit(tx: &mut Tx, product_id: i64) -> Result<i64, StoreError> {
    static IN_TRANSIT: Sql = Sql::new(
        "SELECT CAST(COALESCE(SUM(l.quantity), 0) AS BIGINT) FROM transfer_lines l JOIN transfers t ON t.id = l.transfer_id
         WHERE l.product_id = $1 AND t.status = 'in_transit'",
    );
    tx.one(&IN_TRANSIT, &[product_id.into()]).await
}
