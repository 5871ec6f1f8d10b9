//! Purchase orders in the database. What of them is on its way stands on the stock items, written by the same transaction.

use crate::{
    StoreError, Tx,
    db::{FromRow, Reader, Run, Sql, Store, json},
    filter::Filter,
    locations,
    paging::{Column, Page, Sorting},
    products::expect_version,
    stock::{self, Cause, Incoming, LEVELS, LockedItem},
};
use inventory_domain::{
    Conflict, Refusal, Timestamp, Violation,
    event::EventType,
    location::Location,
    movement::{MovementKind, Reason},
    product::ProductStatus,
    purchase::{
        Flow, NewPurchaseLine, NewPurchaseOrder, PurchaseChanges, PurchaseLine, PurchaseOrder, PurchaseStatus, Receipt,
    },
};
use serde::Serialize;
use std::collections::BTreeMap;

const HEAD: &str = "SELECT b.id, b.status, b.supplier_id, u.name, b.location_id, l.name, b.reference, b.note, b.currency, \
                    b.expected_at, b.version, b.created_at, b.ordered_at, b.updated_at, \
                    CAST((SELECT COALESCE(SUM(n.quantity), 0) FROM purchase_lines n WHERE n.purchase_id = b.id) AS BIGINT), \
                    CAST((SELECT COALESCE(SUM(n.received), 0) FROM purchase_lines n WHERE n.purchase_id = b.id) AS BIGINT), \
                    CAST((SELECT COALESCE(SUM(n.quantity * n.unit_cost_minor), 0) FROM purchase_lines n WHERE n.purchase_id = b.id) AS BIGINT) \
                    FROM purchases b JOIN suppliers u ON u.id = b.supplier_id JOIN locations l ON l.id = b.location_id";

impl FromRow for PurchaseOrder {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            status: row.word(PurchaseStatus::parse)?,
            supplier_id: row.int()?,
            supplier: row.text()?,
            location_id: row.int()?,
            location: row.text()?,
            reference: row.text_opt()?,
            note: row.text_opt()?,
            currency: row.text()?,
            expected_at: row.time_opt()?,
            version: row.int()?,
            created_at: row.time()?,
            ordered_at: row.time_opt()?,
            updated_at: row.time()?,
            quantity: row.int()?,
            received: row.int()?,
            cost_minor: row.int()?,
            lines: None,
        })
    }
}

impl FromRow for PurchaseLine {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            line: row.int()?,
            product_id: row.int()?,
            sku: row.text()?,
            quantity: row.int()?,
            received: row.int()?,
            unit_cost_minor: row.int()?,
        })
    }
}

/// What purchase orders may be sorted by.
pub static SORTING: Sorting = Sorting::new("-id", &[Column::int("id", "b.id")]);

/// Which purchase orders.
#[derive(Clone, Debug, Default)]
pub struct PurchaseFilter {
    /// With this status.
    pub status: Option<PurchaseStatus>,
    /// From this supplier.
    pub supplier_id: Option<i64>,
    /// For this location.
    pub location_id: Option<i64>,
}

impl PurchaseFilter {
    fn conditions(&self) -> Filter<'_> {
        let mut filter = Filter::new();
        filter.opt("b.status = ?", self.status.map(PurchaseStatus::as_str));
        filter.opt("b.supplier_id = ?", self.supplier_id);
        filter.opt("b.location_id = ?", self.location_id);
        filter
    }
}

/// A page of purchase orders, without their lines.
///
/// # Errors
/// When the database is away.
pub async fn list(store: &Store, filter: &PurchaseFilter, page: Page) -> Result<Vec<PurchaseOrder>, StoreError> {
    let (sql, args) = filter.conditions().page(HEAD, &SORTING, page);
    store.all(sql, &args).await
}

/// How many purchase orders.
///
/// # Errors
/// When the database is away.
pub async fn count(store: &Store, filter: &PurchaseFilter) -> Result<i64, StoreError> {
    let (sql, args) = filter.conditions().count("purchases b");
    store.one(sql, &args).await
}

/// One purchase order with its lines.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: i64) -> Result<PurchaseOrder, StoreError> {
    let found = store.first(head(""), &[id.into()]).await?;
    with_lines(store, found, id).await
}

async fn lock(tx: &mut Tx, id: i64, expected: Option<i64>) -> Result<PurchaseOrder, StoreError> {
    let found = tx.first(head(" {lock b}"), &[id.into()]).await?;
    let purchase = with_lines(tx, found, id).await?;
    expect_version(expected, purchase.version)?;
    Ok(purchase)
}

fn head(lock: &str) -> &'static Sql {
    Sql::interned(format!("{HEAD} WHERE b.id = $1{lock}"))
}

async fn with_lines(run: impl Run, found: Option<PurchaseOrder>, id: i64) -> Result<PurchaseOrder, StoreError> {
    static LINES: Sql = Sql::new(
        "SELECT n.line, n.product_id, p.sku, n.quantity, n.received, n.unit_cost_minor
         FROM purchase_lines n JOIN products p ON p.id = n.product_id WHERE n.purchase_id = $1 ORDER BY n.line",
    );
    let mut purchase = found.ok_or_else(|| Refusal::not_found("purchase order", id))?;
    purchase.lines = Some(run.all(&LINES, &[id.into()]).await?);
    purchase.sum_up();
    Ok(purchase)
}

pub(crate) fn subject(id: i64) -> String {
    format!("purchases/{id}")
}

struct Partner {
    name: String,
    currency: String,
    enabled: bool,
}

impl FromRow for Partner {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.text()?,
            currency: row.text()?,
            enabled: row.int()? != 0,
        })
    }
}

/// The supplier, which must be enabled.
async fn partner(tx: &mut Tx, id: i64) -> Result<Partner, StoreError> {
    static FIND: Sql = Sql::new("SELECT name, currency, enabled FROM suppliers WHERE id = $1");
    let partner: Option<Partner> = tx.first(&FIND, &[id.into()]).await?;
    let partner = partner.ok_or_else(|| {
        Refusal::invalid(
            "/supplier_id",
            "unknown_supplier",
            format!("supplier {id} does not exist"),
        )
    })?;
    if !partner.enabled {
        let detail = format!("nothing is ordered from supplier {id} any more");
        return Err(Refusal::conflict(Conflict::SupplierDisabled, detail).into());
    }
    Ok(partner)
}

/// A product as its supplier has it.
struct Offer {
    sku: Option<String>,
    status: Option<ProductStatus>,
    unit_cost_minor: Option<i64>,
    lead_time_days: Option<i64>,
}

impl FromRow for Offer {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            sku: row.text_opt()?,
            status: row.word_opt(ProductStatus::parse)?,
            unit_cost_minor: row.int_opt()?,
            lead_time_days: row.int_opt()?,
        })
    }
}

#[derive(Serialize)]
struct AskedRow {
    at: usize,
    product_id: i64,
}

/// The supplier's offers for these products, in their order.
async fn offers(
    tx: &mut Tx,
    supplier_id: i64,
    product_ids: impl Iterator<Item = i64>,
) -> Result<Vec<Offer>, StoreError> {
    static OFFERS: Sql = Sql::new(
        "SELECT p.sku, p.status, v.unit_cost_minor, v.lead_time_days FROM {rows $1 r: at BIGINT, product_id BIGINT}
         LEFT JOIN products p ON p.id = r.product_id
         LEFT JOIN supplied_products v ON v.supplier_id = $2 AND v.product_id = r.product_id ORDER BY r.at",
    );
    let rows: Vec<_> = product_ids
        .enumerate()
        .map(|(at, product_id)| AskedRow { at, product_id })
        .collect();
    tx.all(&OFFERS, &[(&json(&rows)?).into(), supplier_id.into()]).await
}

fn expect_reordered(sku: &str, status: ProductStatus) -> Result<(), Refusal> {
    if status == ProductStatus::Active {
        return Ok(());
    }
    let detail = format!("{sku} is {status} and not ordered any more");
    Err(Refusal::conflict(Conflict::ProductNotReordered, detail))
}

/// The lines as they are kept: every product must be one that the supplier has and that is still ordered.
async fn lines(tx: &mut Tx, supplier_id: i64, new: &[NewPurchaseLine]) -> Result<Vec<PurchaseLine>, StoreError> {
    let offers = offers(tx, supplier_id, new.iter().map(|line| line.product_id)).await?;
    let (mut lines, mut wrong) = (Vec::with_capacity(new.len()), Vec::new());
    for (index, (line, offer)) in new.iter().zip(offers).enumerate() {
        let id = line.product_id;
        let violation = |code, detail| Violation {
            pointer: format!("/lines/{index}/product_id"),
            code,
            detail,
        };
        let (Some(sku), Some(status)) = (offer.sku, offer.status) else {
            wrong.push(violation("unknown_product", format!("product {id} does not exist")));
            continue;
        };
        let Some(usual) = offer.unit_cost_minor else {
            let detail = format!("supplier {supplier_id} does not supply product {id}");
            wrong.push(violation("not_supplied", detail));
            continue;
        };
        expect_reordered(&sku, status)?;
        lines.push(PurchaseLine {
            line: index as i64 + 1,
            product_id: id,
            sku,
            quantity: line.quantity,
            received: 0,
            unit_cost_minor: line.unit_cost_minor.unwrap_or(usual),
        });
    }
    if wrong.is_empty() {
        Ok(lines)
    } else {
        Err(Refusal::Invalid(wrong).into())
    }
}

#[derive(Serialize)]
struct LineRow {
    purchase_id: i64,
    line: i64,
    product_id: i64,
    quantity: i64,
    unit_cost_minor: i64,
}

/// Writes the lines of purchase orders that have none.
pub(crate) async fn write_lines<'p>(
    tx: &mut Tx,
    purchases: impl IntoIterator<Item = &'p PurchaseOrder>,
) -> Result<(), StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO purchase_lines (purchase_id, product_id, line, quantity, unit_cost_minor)
         SELECT purchase_id, product_id, line, quantity, unit_cost_minor
         FROM {rows $1 r: purchase_id BIGINT, product_id BIGINT, line BIGINT, quantity BIGINT, unit_cost_minor BIGINT}",
    );
    let mut rows = Vec::new();
    for purchase in purchases {
        for line in purchase.lines.iter().flatten() {
            rows.push(LineRow {
                purchase_id: purchase.id,
                line: line.line,
                product_id: line.product_id,
                quantity: line.quantity,
                unit_cost_minor: line.unit_cost_minor,
            });
        }
    }
    tx.execute(&INSERT, &[(&json(&rows)?).into()]).await?;
    Ok(())
}

/// Creates a purchase order as a draft.
///
/// # Errors
/// When the input breaks a rule, supplier, location or a product do not exist, the supplier does not have a product, or a
/// product is not ordered any more.
pub async fn create(tx: &mut Tx, new: &NewPurchaseOrder) -> Result<PurchaseOrder, StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO purchases (supplier_id, location_id, status, reference, note, currency, expected_at, created_at, updated_at)
         VALUES ($1, $2, 'draft', $3, $4, $5, $6, $7, $7) RETURNING id",
    );
    new.validate()?;
    let partner = partner(tx, new.supplier_id).await?;
    let location: Location = locations::named(tx, new.location_id, None).await?;
    let lines = lines(tx, new.supplier_id, &new.lines).await?;
    let args = [
        new.supplier_id.into(),
        location.id.into(),
        new.reference.as_deref().into(),
        new.note.as_deref().into(),
        (&partner.currency).into(),
        new.expected_at.map(Timestamp::micros).into(),
        tx.now().into(),
    ];
    let mut purchase = PurchaseOrder {
        id: tx.one(&INSERT, &args).await?,
        status: PurchaseStatus::Draft,
        supplier_id: new.supplier_id,
        supplier: partner.name,
        location_id: location.id,
        location: location.name,
        reference: new.reference.clone(),
        note: new.note.clone(),
        currency: partner.currency,
        quantity: 0,
        received: 0,
        cost_minor: 0,
        lines: Some(lines),
        expected_at: new.expected_at,
        version: 1,
        created_at: tx.now(),
        ordered_at: None,
        updated_at: tx.now(),
    };
    purchase.sum_up();
    write_lines(tx, [&purchase]).await?;
    tx.audit("purchases_create", subject(purchase.id), None, Some(&purchase))?;
    tx.event(EventType::PurchaseChanged, subject(purchase.id), &purchase.summary())?;
    Ok(purchase)
}

/// Writes what is not in the lines.
async fn write_head(tx: &mut Tx, purchase: &mut PurchaseOrder) -> Result<(), StoreError> {
    static UPDATE: Sql = Sql::new(
        "UPDATE purchases SET status = $2, reference = $3, note = $4, expected_at = $5, ordered_at = $6, version = $7, updated_at = $8
         WHERE id = $1",
    );
    purchase.version += 1;
    purchase.updated_at = tx.now();
    let args = [
        purchase.id.into(),
        purchase.status.as_str().into(),
        purchase.reference.as_deref().into(),
        purchase.note.as_deref().into(),
        purchase.expected_at.map(Timestamp::micros).into(),
        purchase.ordered_at.map(Timestamp::micros).into(),
        purchase.version.into(),
        purchase.updated_at.into(),
    ];
    tx.execute(&UPDATE, &args).await?;
    Ok(())
}

fn record(
    tx: &mut Tx,
    action: &'static str,
    event: EventType,
    before: &PurchaseOrder,
    after: &PurchaseOrder,
) -> Result<(), StoreError> {
    tx.audit(action, subject(after.id), Some(before), Some(after))?;
    tx.event(event, subject(after.id), &after.summary())
}

/// Changes a purchase order: its lines as long as it is a draft, the rest as long as it is not over.
///
/// # Errors
/// When the input breaks a rule, there is no such purchase order, its version is another one, or its status does not allow it.
pub async fn update(
    tx: &mut Tx,
    id: i64,
    expected: Option<i64>,
    changes: &PurchaseChanges,
) -> Result<PurchaseOrder, StoreError> {
    static FORGET: Sql = Sql::new("DELETE FROM purchase_lines WHERE purchase_id = $1");
    changes.validate()?;
    let before = lock(tx, id, expected).await?;
    before.expect_open()?;
    let mut after = before.clone();
    for (field, change) in [
        (&mut after.reference, &changes.reference),
        (&mut after.note, &changes.note),
    ] {
        if change.is_some() {
            field.clone_from(change);
        }
    }
    after.expected_at = changes.expected_at.or(after.expected_at);
    if let Some(new) = &changes.lines {
        before.expect_draft()?;
        after.lines = Some(lines(tx, before.supplier_id, new).await?);
        after.sum_up();
    }
    if after == before {
        return Ok(before);
    }
    if after.lines != before.lines {
        tx.execute(&FORGET, &[id.into()]).await?;
        write_lines(tx, [&after]).await?;
    }
    write_head(tx, &mut after).await?;
    record(tx, "purchases_update", EventType::PurchaseChanged, &before, &after)?;
    Ok(after)
}

/// The location's stock items of the products, locked in the order of their ids.
async fn lock_items(tx: &mut Tx, location_id: i64, flows: &[Flow]) -> Result<BTreeMap<i64, LockedItem>, StoreError> {
    let ids = stock::items_at(tx, location_id, flows.iter().map(|flow| flow.product_id)).await?;
    let items = stock::lock(tx, &[], &ids).await?;
    Ok(items.into_iter().map(|item| (item.product_id, item)).collect())
}

/// Items of what was ordered are never deleted: one that is missing is a fault of ours.
fn item_of(items: &mut BTreeMap<i64, LockedItem>, product_id: i64) -> Result<&mut LockedItem, StoreError> {
    items
        .get_mut(&product_id)
        .ok_or(StoreError::Internal(sqlx::Error::RowNotFound))
}

/// Writes what is on its way and nothing else.
async fn write_incoming(tx: &mut Tx, location_id: i64, flows: &[Flow]) -> Result<(), StoreError> {
    if flows.is_empty() {
        return Ok(());
    }
    let mut items = lock_items(tx, location_id, flows).await?;
    let mut incoming = Vec::with_capacity(flows.len());
    for flow in flows {
        let item = item_of(&mut items, flow.product_id)?;
        incoming.push(Incoming {
            id: item.id,
            delta: flow.incoming_delta,
            changed: 1,
        });
    }
    stock::write_incoming(tx, &incoming).await
}

/// Orders a draft: its units are on their way.
///
/// # Errors
/// When there is no such purchase order, its version is another one, it is no draft, its supplier is disabled, or a product is
/// not ordered any more.
pub async fn order(tx: &mut Tx, id: i64, expected: Option<i64>) -> Result<PurchaseOrder, StoreError> {
    let before = lock(tx, id, expected).await?;
    let mut after = before.clone();
    let flows = after.order(tx.now())?;
    partner(tx, before.supplier_id).await?;
    let mut lead_time_days = 0;
    for offer in offers(tx, before.supplier_id, flows.iter().map(|flow| flow.product_id)).await? {
        if let (Some(sku), Some(status)) = (offer.sku, offer.status) {
            expect_reordered(&sku, status)?;
        }
        lead_time_days = lead_time_days.max(offer.lead_time_days.unwrap_or(0));
    }
    after.expected_at = after
        .expected_at
        .or_else(|| Some(expected_after(tx.now(), lead_time_days)));
    stock::ensure_items(tx, after.location_id, flows.iter().map(|flow| flow.product_id)).await?;
    write_incoming(tx, after.location_id, &flows).await?;
    write_head(tx, &mut after).await?;
    record(tx, "purchases_order", EventType::PurchaseOrdered, &before, &after)?;
    Ok(after)
}

/// When something arrives that takes so many days.
pub(crate) const fn expected_after(now: Timestamp, lead_time_days: i64) -> Timestamp {
    now.plus_minutes(lead_time_days * 24 * 60)
}

/// Writes what is on its way of purchase orders that were inserted as ordered; their stock items are there and locked.
pub(crate) async fn write_ordered(tx: &mut Tx, purchases: &[PurchaseOrder]) -> Result<(), StoreError> {
    static UPDATE: Sql = Sql::new(
        "UPDATE stock_items AS s SET incoming = s.incoming + r.delta, version = s.version + 1, updated_at = $2
         FROM {rows $1 r: product_id BIGINT, location_id BIGINT, delta BIGINT} WHERE s.product_id = r.product_id AND s.location_id = r.location_id",
    );
    #[derive(Serialize)]
    struct OrderedRow {
        product_id: i64,
        location_id: i64,
        delta: i64,
    }
    let mut rows = Vec::new();
    for purchase in purchases {
        rows.extend(purchase.lines.iter().flatten().map(|line| OrderedRow {
            product_id: line.product_id,
            location_id: purchase.location_id,
            delta: line.outstanding(),
        }));
    }
    tx.execute(&UPDATE, &[(&json(&rows)?).into(), tx.now().into()]).await?;
    Ok(())
}

/// Calls a purchase order off: what has not come is no longer on its way.
///
/// # Errors
/// When there is no such purchase order, its version is another one, or it is over.
pub async fn cancel(tx: &mut Tx, id: i64, expected: Option<i64>) -> Result<PurchaseOrder, StoreError> {
    let before = lock(tx, id, expected).await?;
    let mut after = before.clone();
    let flows = after.cancel()?;
    write_incoming(tx, after.location_id, &flows).await?;
    write_head(tx, &mut after).await?;
    record(tx, "purchases_cancel", EventType::PurchaseCancelled, &before, &after)?;
    Ok(after)
}

#[derive(Serialize)]
struct ReceivedRow {
    product_id: i64,
    received: i64,
}

/// Adds what has come to the stock of the location.
///
/// # Errors
/// When the input breaks a rule, there is no such purchase order, its version is another one, it is not ordered or is over, more
/// came than is outstanding and that is not allowed, a product is archived, or the location would hold too much.
pub async fn receive(
    tx: &mut Tx,
    id: i64,
    expected: Option<i64>,
    receipt: &Receipt,
) -> Result<PurchaseOrder, StoreError> {
    static RECEIVED: Sql = Sql::new(
        "UPDATE purchase_lines AS n SET received = r.received FROM {rows $1 r: product_id BIGINT, received BIGINT}
         WHERE n.purchase_id = $2 AND n.product_id = r.product_id",
    );
    receipt.validate()?;
    let before = lock(tx, id, expected).await?;
    let mut after = before.clone();
    let flows = after.receive(receipt)?;
    let mut items = lock_items(tx, after.location_id, &flows).await?;
    let mut note = format!("purchase order {id}");
    if let Some(more) = &receipt.note {
        note.push_str(": ");
        note.push_str(more);
    }
    let mut incoming = Vec::with_capacity(flows.len());
    for flow in &flows {
        let item = item_of(&mut items, flow.product_id)?;
        item.expect_not_archived()?;
        let before = item.view(tx.now());
        let cause = Cause {
            reason: Some(Reason::Receipt),
            note: Some(note.clone()),
            ..Cause::default()
        };
        item.change(tx, MovementKind::Receipt, flow.received, 0, cause)?;
        item.incoming += flow.incoming_delta;
        incoming.push(Incoming {
            id: item.id,
            delta: flow.incoming_delta,
            // The levels change with it, and with them the version.
            changed: 0,
        });
        let view = item.view(tx.now());
        tx.audit("purchases_receive", stock::subject(item.id), Some(&before), Some(&view))?;
        tx.event(EventType::StockReceived, stock::subject(item.id), &view)?;
    }
    stock::write_incoming(tx, &incoming).await?;
    let received: Vec<_> = after
        .lines
        .iter()
        .flatten()
        .map(|line| ReceivedRow {
            product_id: line.product_id,
            received: line.received,
        })
        .collect();
    tx.execute(&RECEIVED, &[(&json(&received)?).into(), id.into()]).await?;
    write_head(tx, &mut after).await?;
    record(tx, "purchases_receive", EventType::PurchaseReceived, &before, &after)?;
    let rows = stock::settle(tx, items.into_values().collect())?;
    tx.stage(&LEVELS, rows)?;
    Ok(after)
}
