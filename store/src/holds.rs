//! Holds in the database: units promised for a while, and the release of everything whose time is up.
//!
//! Rows are locked in one order everywhere: orders, then stock items, then holds, each by id. A hold's lines never change but for
//! their status, so they may be read before anything is locked; whether the hold is still active is looked at under its lock.

use crate::{
    StoreError, Tx,
    db::{FromRow, RECORDS, Reader, Run as _, Sql, Store, Write, WriteSet, json},
    filter::Filter,
    locations,
    names::{self, Ordering},
    orders::{self, NewReservationRow, OrderRows},
    paging::{Column, Page, Sorting},
    processing,
    products::expect_version,
    stock::{self, Cause, ItemRef, LEVEL_WRITES, LockedItem, ProductRef},
};
use inventory_domain::{
    Conflict, Refusal, Timestamp,
    allocation::{self, Demand, DemandLine, StockLevel},
    event::EventType,
    hold::{Hold, HoldCommit, HoldExtension, HoldLine, HoldStatus, NewHold},
    movement::MovementKind,
    order::{OnShortage, Order, OrderLine, OrderStatus},
    product::ProductStatus,
};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// What holds may be sorted by. Ids are given in the order of time.
pub static SORTING: Sorting = Sorting::new("-id", &[Column::uuid("id", "h.id")]);

/// Which holds.
#[derive(Clone, Debug, Default)]
pub struct HoldFilter {
    /// With this status.
    pub status: Option<HoldStatus>,
    /// With this name of the caller's.
    pub reference: Option<String>,
}

impl HoldFilter {
    fn conditions(&self) -> Filter<'_> {
        let mut filter = Filter::new();
        filter.opt("h.status = ?", self.status.map(HoldStatus::as_str));
        filter.opt("h.reference = ?", self.reference.as_ref());
        filter
    }
}

struct HoldRow(Hold);

impl FromRow for HoldRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self(Hold {
            id: row.uuid()?,
            status: row.word(HoldStatus::parse)?,
            reference: row.text_opt()?,
            expires_at: row.time()?,
            lines: Vec::new(),
            version: row.int()?,
            created_at: row.time()?,
            updated_at: row.time()?,
        }))
    }
}

struct LineRow {
    hold_id: Uuid,
    line: HoldLine,
}

impl FromRow for LineRow {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            hold_id: row.uuid()?,
            line: HoldLine {
                line: row.int()?,
                product_id: row.int()?,
                sku: row.text()?,
                stock_item_id: row.int()?,
                location_id: row.int()?,
                location: row.text()?,
                quantity: row.int()?,
            },
        })
    }
}

#[derive(Serialize)]
struct HoldRef {
    hold_id: Uuid,
}

fn refs(ids: impl Iterator<Item = Uuid>) -> Result<String, StoreError> {
    json(&ids.map(|hold_id| HoldRef { hold_id }).collect::<Vec<_>>())
}

static LINES: Sql = Sql::new(
    "SELECT h.hold_id, h.line, s.product_id, p.sku, h.stock_item_id, s.location_id, l.name, h.quantity
     FROM {rows $1 r: hold_id UUID} JOIN hold_lines h ON h.hold_id = r.hold_id JOIN stock_items s ON s.id = h.stock_item_id
     JOIN products p ON p.id = s.product_id JOIN locations l ON l.id = s.location_id
     ORDER BY h.hold_id, h.line, h.stock_item_id",
);

fn with_lines(holds: Vec<HoldRow>, rows: Vec<LineRow>) -> Vec<Hold> {
    let mut lines: HashMap<Uuid, Vec<HoldLine>> = HashMap::with_capacity(holds.len());
    for row in rows {
        lines.entry(row.hold_id).or_default().push(row.line);
    }
    let mut holds: Vec<Hold> = holds.into_iter().map(|row| row.0).collect();
    for hold in &mut holds {
        hold.lines = lines.remove(&hold.id).unwrap_or_default();
    }
    holds
}

/// A page of holds.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, filter: &HoldFilter, page: Page) -> Result<Vec<Hold>, StoreError> {
    let select = "SELECT h.id, h.status, h.reference, h.expires_at, h.version, h.created_at, h.updated_at FROM holds h";
    let (sql, args) = filter.conditions().page(select, &SORTING, page);
    let holds: Vec<HoldRow> = store.all(sql, &args).await?;
    if holds.is_empty() {
        return Ok(Vec::new());
    }
    let ids = refs(holds.iter().map(|row| row.0.id))?;
    let lines = store.all(&LINES, &[(&ids).into()]).await?;
    Ok(with_lines(holds, lines))
}

/// How many holds.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, filter: &HoldFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter.conditions().count("holds h");
    store.one(sql, &args).await
}

/// One hold.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: Uuid) -> Result<Hold, StoreError> {
    static GET: Sql =
        Sql::new("SELECT id, status, reference, expires_at, version, created_at, updated_at FROM holds WHERE id = $1");
    let hold: HoldRow = store.first(&GET, &[id.into()]).await?.ok_or_else(|| missing(id))?;
    let ids = refs(std::iter::once(id))?;
    let lines = store.all(&LINES, &[(&ids).into()]).await?;
    Ok(with_lines(vec![hold], lines).swap_remove(0))
}

fn missing(id: Uuid) -> Refusal {
    Refusal::not_found("reservation", id)
}

/// The subject of a hold's events and audit rows.
fn subject(id: Uuid) -> String {
    format!("reservations/{id}")
}

/// The writes of holds.
const HOLD_WRITES: &[Write] = &[
    Write {
        name: "holds_new",
        sql: "INSERT INTO holds (id, status, reference, expires_at, created_at, updated_at)
              SELECT id, status, reference, expires_at, at, at
              FROM {rows $rows r: id UUID, status TEXT, reference TEXT, expires_at BIGINT, at BIGINT}",
    },
    Write {
        name: "hold_lines_new",
        sql: "INSERT INTO hold_lines (hold_id, line, stock_item_id, quantity, status, expires_at)
              SELECT hold_id, line, stock_item_id, quantity, status, expires_at
              FROM {rows $rows r: hold_id UUID, line BIGINT, stock_item_id BIGINT, quantity BIGINT, status TEXT, expires_at BIGINT}",
    },
    Write {
        name: "holds_changed",
        sql: "UPDATE holds AS h SET status = r.status, expires_at = r.expires_at, version = h.version + 1, updated_at = r.at
              FROM {rows $rows r: id UUID, status TEXT, expires_at BIGINT, at BIGINT} WHERE h.id = r.id",
    },
    Write {
        name: "hold_lines_changed",
        sql: "UPDATE hold_lines AS l SET status = r.status, expires_at = r.expires_at
              FROM {rows $rows r: id UUID, status TEXT, expires_at BIGINT} WHERE l.hold_id = r.id",
    },
];

/// Everything that a change of holds may change: what is due besides, and the order that a hold becomes.
static HOLDS: WriteSet = WriteSet::new(&[HOLD_WRITES, orders::ORDER_WRITES, LEVEL_WRITES, RECORDS]);

#[derive(Serialize)]
struct HoldChange<'a> {
    id: Uuid,
    status: HoldStatus,
    reference: Option<&'a str>,
    expires_at: i64,
    at: i64,
}

#[derive(Serialize)]
struct NewLineRow {
    hold_id: Uuid,
    line: i64,
    stock_item_id: i64,
    quantity: i64,
    status: HoldStatus,
    expires_at: i64,
}

/// Rows for [`HOLD_WRITES`].
#[derive(Default)]
struct HoldRows {
    new: Vec<String>,
    new_lines: Vec<NewLineRow>,
    changed: Vec<String>,
}

fn change(hold: &Hold) -> Result<String, StoreError> {
    json(&HoldChange {
        id: hold.id,
        status: hold.status,
        reference: hold.reference.as_deref(),
        expires_at: hold.expires_at.micros(),
        at: hold.updated_at.micros(),
    })
}

impl HoldRows {
    fn insert(&mut self, hold: &Hold) -> Result<(), StoreError> {
        self.new.push(change(hold)?);
        self.new_lines.extend(hold.lines.iter().map(|units| NewLineRow {
            hold_id: hold.id,
            line: units.line,
            stock_item_id: units.stock_item_id,
            quantity: units.quantity,
            status: hold.status,
            expires_at: hold.expires_at.micros(),
        }));
        Ok(())
    }

    fn into_rows(self) -> Result<Vec<(&'static str, String)>, StoreError> {
        let changed = format!("[{}]", self.changed.join(","));
        Ok(vec![
            ("holds_new", format!("[{}]", self.new.join(","))),
            ("hold_lines_new", json(&self.new_lines)?),
            ("hold_lines_changed", changed.clone()),
            ("holds_changed", changed),
        ])
    }
}

/// Locked stock items of which nothing is held any more whose time is up, and what is to be written of that.
pub(crate) struct Freed {
    items: BTreeMap<i64, LockedItem>,
    orders: OrderRows,
    holds: HoldRows,
    /// Whether more than levels is to be written.
    has_ended: bool,
}

impl Freed {
    fn of(items: Vec<LockedItem>) -> Self {
        Self {
            items: items.into_iter().map(|item| (item.id, item)).collect(),
            orders: OrderRows::default(),
            holds: HoldRows::default(),
            has_ended: false,
        }
    }

    /// One of the items.
    ///
    /// # Errors
    /// When there is none with this id.
    pub(crate) fn item(&self, id: i64) -> Result<&LockedItem, Refusal> {
        self.items
            .get(&id)
            .ok_or_else(|| Refusal::not_found("inventory item", id))
    }

    /// One of the items, to be changed.
    ///
    /// # Errors
    /// When there is none with this id.
    pub(crate) fn item_mut(&mut self, id: i64) -> Result<&mut LockedItem, Refusal> {
        self.items
            .get_mut(&id)
            .ok_or_else(|| Refusal::not_found("inventory item", id))
    }

    /// All of them.
    pub(crate) fn items(&self) -> impl Iterator<Item = &LockedItem> {
        self.items.values()
    }

    /// Leaves everything to be written when `tx` commits.
    pub(crate) fn stage(self, tx: &mut Tx) -> Result<(), StoreError> {
        let levels = stock::settle(tx, self.items.into_values().collect())?;
        if !self.has_ended {
            return tx.stage(&stock::LEVELS, levels);
        }
        let mut all = self.holds.into_rows()?;
        all.extend(self.orders.into_rows()?);
        all.extend(levels);
        tx.stage(&HOLDS, all)
    }

    /// Ends a locked hold whose lines' items are among these: its units are available again. Movements name the hold where those of
    /// an order name the order, which has the same id.
    fn end(&mut self, tx: &mut Tx, hold: &mut Hold, ending: HoldEnding) -> Result<(), StoreError> {
        let (status, kind, event, action) = match ending {
            HoldEnding::Expire => (
                HoldStatus::Expired,
                MovementKind::Expiry,
                EventType::ReservationExpired,
                "reservations_expire",
            ),
            HoldEnding::Release => (
                HoldStatus::Released,
                MovementKind::Release,
                EventType::ReservationReleased,
                "reservations_release",
            ),
        };
        for units in &hold.lines {
            let item = self.item_mut(units.stock_item_id)?;
            item.change(tx, kind, 0, -units.quantity, Cause::order(hold.id))?;
        }
        self.alter(tx, hold, action, event, |hold| hold.status = status)
    }

    /// Changes a locked hold, with its records.
    fn alter(
        &mut self,
        tx: &mut Tx,
        hold: &mut Hold,
        action: &'static str,
        event: EventType,
        alter: impl FnOnce(&mut Hold),
    ) -> Result<(), StoreError> {
        let before = hold.clone();
        alter(hold);
        hold.version += 1;
        hold.updated_at = tx.now();
        self.holds.changed.push(change(hold)?);
        self.has_ended = true;
        tx.audit(action, subject(hold.id), Some(&before), Some(hold))?;
        tx.event(event, subject(hold.id), hold)
    }
}

#[derive(Clone, Copy)]
enum HoldEnding {
    Expire,
    Release,
}

struct Due {
    id: Uuid,
    is_hold: bool,
}

impl FromRow for Due {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.uuid()?,
            is_hold: row.int()? != 0,
        })
    }
}

/// Locks the stock items of these products and those with these ids, and ends every hold and every held order that has units of
/// theirs and whose time is up: whoever asks for units next gets them, whether or not the timer was there.
pub(crate) async fn lock_free(tx: &mut Tx, product_ids: &[i64], item_ids: &[i64]) -> Result<Freed, StoreError> {
    static DUE: Sql = Sql::new(
        "SELECT v.order_id, CAST(0 AS BIGINT) FROM {rows $1 a: product_id BIGINT} JOIN stock_items s ON s.product_id = a.product_id
                JOIN reservations v ON v.stock_item_id = s.id WHERE v.state = 'active' AND v.expires_at <= $3
         UNION SELECT v.order_id, CAST(0 AS BIGINT) FROM {rows $2 b: id BIGINT}
                JOIN reservations v ON v.stock_item_id = b.id WHERE v.state = 'active' AND v.expires_at <= $3
         UNION SELECT h.hold_id, CAST(1 AS BIGINT) FROM {rows $1 c: product_id BIGINT} JOIN stock_items s ON s.product_id = c.product_id
                JOIN hold_lines h ON h.stock_item_id = s.id WHERE h.status = 'active' AND h.expires_at <= $3
         UNION SELECT h.hold_id, CAST(1 AS BIGINT) FROM {rows $2 d: id BIGINT}
                JOIN hold_lines h ON h.stock_item_id = d.id WHERE h.status = 'active' AND h.expires_at <= $3",
    );
    let products: Vec<_> = product_ids
        .iter()
        .map(|&product_id| ProductRef { product_id })
        .collect();
    let items: Vec<_> = item_ids.iter().map(|&id| ItemRef { id }).collect();
    let now = tx.now();
    let due: Vec<Due> = tx
        .all(&DUE, &[(&json(&products)?).into(), (&json(&items)?).into(), now.into()])
        .await?;
    let of = |is_hold| {
        due.iter()
            .filter(move |due| due.is_hold == is_hold)
            .map(|due| due.id)
            .collect()
    };
    let (due_orders, due_holds): (Vec<Uuid>, Vec<Uuid>) = (of(false), of(true));
    end_due(tx, product_ids, item_ids, &due_orders, &due_holds).await
}

/// Locks stock items and ends of these orders and holds those that are still due.
async fn end_due(
    tx: &mut Tx,
    product_ids: &[i64],
    item_ids: &[i64],
    due_orders: &[Uuid],
    due_holds: &[Uuid],
) -> Result<Freed, StoreError> {
    let now = tx.now();
    let mut item_ids = item_ids.to_vec();
    let mut orders = Vec::new();
    let mut reserved = Vec::new();
    if !due_orders.is_empty() {
        orders = orders::lock(tx, due_orders, &[]).await?;
        orders.retain(|loaded| orders::is_due(&loaded.order, now));
        reserved = orders::units(tx, &mut orders).await?;
        item_ids.extend(reserved.iter().map(|units| units.stock_item_id));
    }
    let ids = refs(due_holds.iter().copied())?;
    let mut lines = Vec::new();
    if !due_holds.is_empty() {
        lines = tx.all::<LineRow>(&LINES, &[(&ids).into()]).await?;
        item_ids.extend(lines.iter().map(|row| row.line.stock_item_id));
    }
    let mut freed = Freed::of(stock::lock(tx, product_ids, &item_ids).await?);
    if !orders.is_empty() {
        freed.has_ended = true;
        orders::expire(tx, &mut orders, &reserved, &mut freed.items, &mut freed.orders)?;
    }
    if !due_holds.is_empty() {
        let locked = lock(tx, &ids).await?;
        for mut hold in with_lines(locked, lines) {
            if hold.is_due(now) {
                freed.end(tx, &mut hold, HoldEnding::Expire)?;
            }
        }
    }
    Ok(freed)
}

/// Locks holds in the order of their ids; without their lines.
async fn lock(tx: &mut Tx, ids: &String) -> Result<Vec<HoldRow>, StoreError> {
    static LOCK: Sql = Sql::new(
        "SELECT h.id, h.status, h.reference, h.expires_at, h.version, h.created_at, h.updated_at FROM holds h
         WHERE h.id IN (SELECT r.hold_id FROM {rows $1 r: hold_id UUID}) ORDER BY h.id {lock h}",
    );
    tx.all(&LOCK, &[ids.into()]).await
}

/// Ends what is due on the stock of these products, in a transaction of its own.
///
/// # Errors
/// When the database is away.
pub(crate) async fn expire_on(mut tx: Tx, product_ids: &[i64]) -> Result<(), StoreError> {
    let freed = lock_free(&mut tx, product_ids, &[]).await?;
    freed.stage(&mut tx)?;
    tx.commit().await
}

/// Expires at most `limit` holds whose time is up; says how many. Each call is one transaction.
///
/// # Errors
/// When the database is away.
pub async fn expire_due(mut tx: Tx, limit: i64) -> Result<usize, StoreError> {
    static DUE: Sql =
        Sql::new("SELECT id FROM holds WHERE status = 'active' AND expires_at <= $1 ORDER BY expires_at LIMIT $2");
    let now = tx.now();
    let due: Vec<Uuid> = tx.all(&DUE, &[now.into(), limit.into()]).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let freed = end_due(&mut tx, &[], &[], &[], &due).await?;
    let expired = freed.holds.changed.len();
    freed.stage(&mut tx)?;
    tx.commit().await?;
    Ok(expired)
}

/// Holds units: all of them or none.
///
/// # Errors
/// When the input breaks a rule or names what does not exist or is archived, or when too few units are available.
pub async fn create(tx: &mut Tx, new: &NewHold) -> Result<Hold, StoreError> {
    new.validate()?;
    let wanted = names::wanted(&new.lines);
    let names = names::resolve(tx, &[(&wanted, Ordering::Nobody)]).await?;
    let lines = names.stocked_lines(&wanted)?;
    let location = locations::look_up(
        tx,
        ("/location", new.location.as_deref()),
        ("/location_id", new.location_id),
    )
    .await?;
    let mut product_ids: Vec<i64> = lines.iter().map(|line| line.product_id).collect();
    product_ids.sort_unstable();
    product_ids.dedup();
    let mut freed = lock_free(tx, &product_ids, &[]).await?;

    let is_there = |level: &StockLevel| {
        location
            .as_ref()
            .is_none_or(|location| location.id == level.location_id)
    };
    let levels: Vec<StockLevel> = freed.items().map(LockedItem::level).filter(is_there).collect();
    let id = Uuid::now_v7();
    let Some(decision) = allocation::decide(&[demand(id, &lines)], &levels).pop() else {
        return Err(StoreError::Internal(sqlx::Error::RowNotFound));
    };
    if decision.status != OrderStatus::Confirmed {
        return Err(Refusal::conflict(Conflict::InsufficientStock, short_of(&lines, &levels)).into());
    }
    let now = tx.now();
    let mut hold = Hold {
        id,
        status: HoldStatus::Active,
        reference: new.reference.clone(),
        expires_at: new.expires_at(now),
        lines: Vec::with_capacity(decision.allotments.len()),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    for allotment in &decision.allotments {
        let item = freed.item_mut(allotment.stock_item_id)?;
        item.change(tx, MovementKind::Reservation, 0, allotment.quantity, Cause::order(id))?;
        hold.lines.push(HoldLine {
            line: allotment.line,
            product_id: item.product_id,
            sku: item.sku.clone(),
            stock_item_id: item.id,
            location_id: item.location_id,
            location: item.location.clone(),
            quantity: allotment.quantity,
        });
    }
    hold.lines.sort_by_key(|units| (units.line, units.stock_item_id));
    freed.has_ended = true;
    freed.holds.insert(&hold)?;
    tx.audit("reservations_create", subject(id), None, Some(&hold))?;
    tx.event(EventType::ReservationCreated, subject(id), &hold)?;
    freed.stage(tx)?;
    Ok(hold)
}

fn demand(id: Uuid, lines: &[OrderLine]) -> Demand {
    let line = |line: &OrderLine| DemandLine {
        line: line.line,
        product_id: line.product_id,
        product_status: ProductStatus::Active,
        quantity: line.quantity,
    };
    Demand {
        order_id: id,
        on_shortage: OnShortage::Reject,
        lines: lines.iter().map(line).collect(),
    }
}

/// What there is too little of, in words, from the locked levels.
fn short_of(lines: &[OrderLine], levels: &[StockLevel]) -> String {
    let mut wanted: BTreeMap<i64, (i64, &str)> = BTreeMap::new();
    for line in lines {
        wanted.entry(line.product_id).or_insert((0, &line.sku)).0 += line.quantity;
    }
    let short: Vec<String> = wanted
        .iter()
        .filter_map(|(product_id, (quantity, sku))| {
            let here = levels.iter().filter(|level| level.product_id == *product_id);
            let available: i64 = here.map(|level| level.available.max(0)).sum();
            (available < *quantity).then(|| format!("{quantity} units of {sku} are wanted, {available} are available"))
        })
        .collect();
    short.join("; ")
}

/// Locks a hold, after the stock items of its lines.
async fn lock_one(tx: &mut Tx, id: Uuid) -> Result<(Hold, Freed), StoreError> {
    let ids = refs(std::iter::once(id))?;
    let lines: Vec<LineRow> = tx.all(&LINES, &[(&ids).into()]).await?;
    let item_ids: Vec<i64> = lines.iter().map(|row| row.line.stock_item_id).collect();
    if item_ids.is_empty() {
        return Err(missing(id).into());
    }
    let freed = Freed::of(stock::lock(tx, &[], &item_ids).await?);
    let locked = lock(tx, &ids).await?;
    let hold = with_lines(locked, lines).pop().ok_or_else(|| missing(id))?;
    Ok((hold, freed))
}

/// Gives a hold's units back before its time. Asking twice is answered as the first time was.
///
/// # Errors
/// When there is no such hold, its version is another one, or it has ended otherwise.
pub async fn release(tx: &mut Tx, id: Uuid, expected: Option<i64>) -> Result<Hold, StoreError> {
    let (mut hold, mut freed) = lock_one(tx, id).await?;
    if hold.status == HoldStatus::Released {
        return Ok(hold);
    }
    expect_version(expected, hold.version)?;
    hold.expect_active(tx.now())?;
    freed.end(tx, &mut hold, HoldEnding::Release)?;
    freed.stage(tx)?;
    Ok(hold)
}

/// Gives a hold another end, so many seconds from now on.
///
/// # Errors
/// When the input breaks a rule, there is no such hold, its version is another one, or it has ended.
pub async fn extend(
    tx: &mut Tx,
    id: Uuid,
    expected: Option<i64>,
    extension: HoldExtension,
) -> Result<Hold, StoreError> {
    extension.validate()?;
    let (mut hold, mut freed) = lock_one(tx, id).await?;
    expect_version(expected, hold.version)?;
    hold.expect_active(tx.now())?;
    let expires_at = tx.now().plus_seconds(extension.expires_in_seconds);
    freed.alter(
        tx,
        &mut hold,
        "reservations_extend",
        EventType::ReservationExtended,
        |hold| {
            hold.expires_at = expires_at;
        },
    )?;
    freed.stage(tx)?;
    Ok(hold)
}

/// Turns a hold into an order that has its id and exactly its units, confirmed at once; says whether the order is new. Asking twice
/// gives the order as it is now.
///
/// # Errors
/// When the input breaks a rule, there is no such hold, its version is another one, it has ended, or it became an order of another
/// customer.
pub async fn commit(
    tx: &mut Tx,
    id: Uuid,
    expected: Option<i64>,
    commit: &HoldCommit,
) -> Result<(Order, bool), StoreError> {
    // Whoever ends an order locks it before its stock items, so it is looked for first.
    let known = orders::lock(tx, &[id], &[]).await?.pop();
    let (mut hold, mut freed) = lock_one(tx, id).await?;
    let new = commit.order(&hold.lines);
    new.validate()?;
    let is_other = |order: &Order| hold.status != HoldStatus::Committed || order.customer != commit.customer;
    if known.as_ref().is_some_and(|known| is_other(&known.order)) {
        let detail = format!("order {id} is there already, and is another one");
        return Err(Refusal::conflict(Conflict::ReservationState, detail).into());
    }
    if hold.status == HoldStatus::Committed {
        // Committed by somebody else between the look for the order and the hold's lock: too late to lock the order.
        let order = match known {
            Some(known) => known.order,
            None => orders::get_within(tx, id).await?,
        };
        return Ok((order, false));
    }
    expect_version(expected, hold.version)?;
    let now = tx.now();
    hold.expect_active(now)?;

    let ordering = Ordering::Reference(&new.customer);
    let names = names::resolve(tx, &[(&new, ordering)]).await?;
    let (mut lines, _) = names.lines(&new)?;
    let customer = names
        .customer(ordering)
        .ok_or(StoreError::Unavailable(sqlx::Error::RowNotFound))?;
    for line in &mut lines {
        line.reserved = line.quantity;
    }
    let mut order = Order {
        status: OrderStatus::Confirmed,
        decided_at: Some(now),
        ..orders::pending(id, &new, customer, lines, now)
    };
    order.expires_at = processing::hold_end(&order, now);
    freed.orders.insert(&order)?;
    let numbers = line_numbers(&hold.lines);
    freed
        .orders
        .reservations
        .extend(hold.lines.iter().map(|units| NewReservationRow {
            order_id: id,
            line: numbers.get(&units.line).copied().unwrap_or(units.line),
            stock_item_id: units.stock_item_id,
            quantity: units.quantity,
            expires_at: order.expires_at.map(Timestamp::micros),
        }));
    tx.audit("reservations_commit", orders::subject(id), None, Some(&order.record()))?;
    tx.event(EventType::OrderConfirmed, orders::subject(id), &order.record())?;
    freed.alter(
        tx,
        &mut hold,
        "reservations_commit",
        EventType::ReservationCommitted,
        |hold| {
            hold.status = HoldStatus::Committed;
        },
    )?;
    freed.stage(tx)?;
    Ok((order, true))
}

/// The order's line of each of the hold's, as [`HoldCommit::order`] makes them.
fn line_numbers(lines: &[HoldLine]) -> BTreeMap<i64, i64> {
    let mut numbers = BTreeMap::new();
    for units in lines {
        let next = numbers.len() as i64 + 1;
        numbers.entry(units.line).or_insert(next);
    }
    numbers
}
