//! What should be ordered, from the levels, the terms of suppliers, and the sales in the ledger.

use crate::{
    StoreError, Tx,
    db::{Arg, FromRow, Reader, Run as _, Sql, Store, json},
    filter::Filter,
    paging::Page,
    purchases::{self, expected_after, subject},
    stock,
};
use inventory_domain::{
    Conflict, Refusal, Timestamp, Violation,
    event::EventType,
    purchase::{PurchaseLine, PurchaseOrder, PurchaseStatus},
    replenishment::{Horizon, Needs, Replenishment, Suggestion},
};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Which suggestions.
#[derive(Clone, Debug, Default)]
pub struct SuggestionFilter {
    /// To be ordered from this supplier.
    pub supplier_id: Option<i64>,
    /// For this location.
    pub location_id: Option<i64>,
    /// Of this product.
    pub product_id: Option<i64>,
}

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

// Where several suppliers have a product, the enabled one with the lowest priority is asked. $1: since when sales are looked at;
// $2: now; $3: the days between. A stock
// item that is younger has fewer, and at least a week: one good first day says little. What is drafted is found by the product, what was sold by an index that holds nothing else.
const NEEDS: &str = "\
WITH needs AS MATERIALIZED (
    SELECT s.id, s.product_id, p.sku, p.name AS product, s.location_id, l.name AS location, v.supplier_id, u.name AS supplier,
        v.unit_cost_minor, u.currency, s.on_hand - s.reserved AS available, s.incoming,
        CAST((SELECT COALESCE(SUM(n.quantity), 0) FROM purchase_lines n JOIN purchases b ON b.id = n.purchase_id
            WHERE n.product_id = s.product_id AND b.location_id = s.location_id AND b.status = 'draft') AS BIGINT) AS drafted,
        s.reorder_point, p.reorder_quantity, v.safety_stock, v.lead_time_days, v.minimum_quantity, v.pack_size,
        CAST((SELECT COALESCE(-SUM(m.on_hand_delta), 0) FROM movements m
            WHERE m.stock_item_id = s.id AND m.created_at >= $1 AND (m.kind = 'shipment' OR m.reason = 'sale')) AS BIGINT) AS sold,
        CASE WHEN s.created_at <= $1 THEN CAST($3 AS BIGINT)
             WHEN $2 - s.created_at < 604800000000 THEN CASE WHEN CAST($3 AS BIGINT) < 7 THEN CAST($3 AS BIGINT) ELSE 7 END
             ELSE ($2 - s.created_at) / 86400000000 + 1 END AS demand_days
    FROM supplied_products v JOIN suppliers u ON u.id = v.supplier_id JOIN stock_items s ON s.product_id = v.product_id
        JOIN products p ON p.id = s.product_id JOIN locations l ON l.id = s.location_id";

// `inventory_domain::replenishment::Needs::quantity` says the same of each of them.
const THOSE_DUE: &str = ")
SELECT id, product_id, sku, product, location_id, location, supplier_id, supplier, unit_cost_minor, currency, available, incoming,
    drafted, reorder_point, reorder_quantity, safety_stock, lead_time_days, minimum_quantity, pack_size, sold, demand_days
FROM needs
WHERE available + incoming + drafted <= reorder_point
    OR available + incoming + drafted <= (sold * lead_time_days + demand_days - 1) / demand_days + safety_stock
ORDER BY id";

struct Row(Suggestion);

impl FromRow for Row {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self(Suggestion {
            stock_item_id: row.int()?,
            product_id: row.int()?,
            sku: row.text()?,
            name: row.text()?,
            location_id: row.int()?,
            location: row.text()?,
            supplier_id: row.int()?,
            supplier: row.text()?,
            unit_cost_minor: row.int()?,
            currency: row.text()?,
            quantity: 0,
            lead_time_demand: 0,
            reorder_level: 0,
            position: 0,
            needs: Needs {
                available: row.int()?,
                incoming: row.int()?,
                drafted: row.int()?,
                reorder_point: row.int()?,
                reorder_quantity: row.int()?,
                safety_stock: row.int()?,
                lead_time_days: row.int()?,
                minimum_quantity: row.int()?,
                pack_size: row.int()?,
                sold: row.int()?,
                demand_days: row.int()?,
                cover_days: 0,
            },
        }))
    }
}

/// The suggestion with what follows from its numbers; `None` where nothing is to be ordered.
fn explained(Row(mut suggestion): Row, horizon: Horizon) -> Option<Suggestion> {
    suggestion.needs.cover_days = horizon.cover_days;
    let needs = suggestion.needs;
    Some(Suggestion {
        quantity: needs.quantity()?,
        lead_time_demand: needs.lead_time_demand(),
        reorder_level: needs.reorder_level(),
        position: needs.position(),
        ..suggestion
    })
}

fn conditions<'a>(horizon: Horizon, now: Timestamp) -> Filter<'a> {
    let since = now.micros().saturating_sub(horizon.window_days * DAY);
    let mut filter = Filter::after(vec![Arg::Int(since), now.into(), Arg::Int(horizon.window_days)]);
    filter.fixed("u.enabled = 1");
    // Discontinued and archived products have none.
    filter.fixed("s.reorder_point IS NOT NULL");
    filter.fixed(
        "v.supplier_id = (SELECT w.supplier_id FROM supplied_products w JOIN suppliers x ON x.id = w.supplier_id \
         WHERE w.product_id = v.product_id AND x.enabled = 1 ORDER BY w.priority, w.supplier_id LIMIT 1)",
    );
    filter
}

/// A page of what should be ordered at this moment, in the order of the stock items.
///
/// # Errors
/// When the database is away.
pub async fn suggestions(
    store: &Store,
    filter: &SuggestionFilter,
    horizon: Horizon,
    now: Timestamp,
    page: Page,
) -> Result<Vec<Suggestion>, StoreError> {
    let mut conditions = conditions(horizon, now);
    conditions.opt("v.supplier_id = ?", filter.supplier_id);
    conditions.opt("s.location_id = ?", filter.location_id);
    conditions.opt("s.product_id = ?", filter.product_id);
    let (sql, args) = conditions.within(NEEDS, THOSE_DUE, &page);
    let rows: Vec<Row> = store.all(sql, &args).await?;
    Ok(rows.into_iter().filter_map(|row| explained(row, horizon)).collect())
}

/// The statement of [`suggestions`], for tests of its plan.
#[doc(hidden)]
pub fn suggestions_statement() -> &'static str {
    let (sql, _) = conditions(Horizon::default(), Timestamp::from_micros(0)).within(NEEDS, THOSE_DUE, &Page::default());
    sql.text(crate::Engine::Postgres)
}

#[derive(Serialize)]
struct IdRow {
    id: i64,
}

/// What should be ordered for these stock items, which are locked.
async fn suggestions_of(tx: &mut Tx, ids: &[i64], horizon: Horizon) -> Result<HashMap<i64, Suggestion>, StoreError> {
    let rows = json(&ids.iter().map(|&id| IdRow { id }).collect::<Vec<_>>())?;
    let mut conditions = conditions(horizon, tx.now());
    conditions.add("s.id IN (SELECT r.id FROM {rows ? r: id BIGINT})", &rows);
    let page = Page::new(0, ids.len() as i64);
    let (sql, args) = conditions.within(NEEDS, THOSE_DUE, &page);
    let found: Vec<Row> = tx.all(sql, &args).await?;
    let found = found.into_iter().filter_map(|row| explained(row, horizon));
    Ok(found.map(|suggestion| (suggestion.stock_item_id, suggestion)).collect())
}

/// The units to order: those suggested, or those asked for, which must be what the supplier takes.
fn quantity(at: usize, asked: Option<i64>, suggestion: &Suggestion) -> Result<i64, Violation> {
    let Some(asked) = asked else {
        return Ok(suggestion.quantity);
    };
    let Needs {
        minimum_quantity,
        pack_size,
        ..
    } = suggestion.needs;
    if asked >= minimum_quantity && asked % pack_size == 0 {
        return Ok(asked);
    }
    Err(Violation {
        pointer: format!("/items/{at}/quantity"),
        code: "not_a_pack",
        detail: format!(
            "{} takes at least {minimum_quantity} and packs of {pack_size}",
            suggestion.supplier
        ),
    })
}

#[derive(Serialize)]
struct PurchaseRow<'a> {
    supplier_id: i64,
    location_id: i64,
    status: PurchaseStatus,
    currency: &'a str,
    expected_at: Option<i64>,
    ordered_at: Option<i64>,
    at: i64,
}

struct Inserted {
    id: i64,
    supplier_id: i64,
    location_id: i64,
}

impl FromRow for Inserted {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.int()?,
            supplier_id: row.int()?,
            location_id: row.int()?,
        })
    }
}

/// Turns suggestions into purchase orders, one per supplier and location. What is suggested is worked out again under the locks of
/// the stock items, so that nothing is ordered twice by two who ask at once, or by one who asks again.
///
/// # Errors
/// When the input breaks a rule, a stock item does not exist, or nothing is suggested for it (any more).
pub async fn order(tx: &mut Tx, ask: &Replenishment) -> Result<Vec<PurchaseOrder>, StoreError> {
    static INSERT: Sql = Sql::new(
        "INSERT INTO purchases (supplier_id, location_id, status, currency, expected_at, ordered_at, created_at, updated_at)
         SELECT supplier_id, location_id, status, currency, expected_at, ordered_at, at, at
         FROM {rows $1 r: supplier_id BIGINT, location_id BIGINT, status TEXT, currency TEXT, expected_at BIGINT, ordered_at BIGINT, at BIGINT}
         WHERE true RETURNING id, supplier_id, location_id",
    );
    ask.validate()?;
    let ids: Vec<_> = ask.items.iter().map(|item| item.stock_item_id).collect();
    let known = stock::lock(tx, &[], &ids).await?;
    let unknown = |id: &i64| !known.iter().any(|item| item.id == *id);
    let violations = |at: usize, id: &i64| Violation {
        pointer: format!("/items/{at}/stock_item_id"),
        code: "unknown_stock_item",
        detail: format!("inventory item {id} does not exist"),
    };
    let missing: Vec<_> = ids
        .iter()
        .enumerate()
        .filter(|(_, id)| unknown(id))
        .map(|(at, id)| violations(at, id))
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::Invalid(missing).into());
    }
    let mut suggested = suggestions_of(tx, &ids, ask.horizon()).await?;
    let mut orders: BTreeMap<(i64, i64), (i64, PurchaseOrder)> = BTreeMap::new();
    let mut wrong = Vec::new();
    let now = tx.now();
    for (at, item) in ask.items.iter().enumerate() {
        let Some(suggestion) = suggested.remove(&item.stock_item_id) else {
            let detail = format!("nothing is to be ordered for inventory item {}", item.stock_item_id);
            return Err(Refusal::conflict(Conflict::NotSuggested, detail).into());
        };
        let quantity = match quantity(at, item.quantity, &suggestion) {
            Ok(quantity) => quantity,
            Err(violation) => {
                wrong.push(violation);
                continue;
            }
        };
        let key = (suggestion.supplier_id, suggestion.location_id);
        let (lead_time_days, purchase) = orders.entry(key).or_insert_with(|| {
            let purchase = PurchaseOrder {
                id: 0,
                status: if ask.place {
                    PurchaseStatus::Ordered
                } else {
                    PurchaseStatus::Draft
                },
                supplier_id: suggestion.supplier_id,
                supplier: suggestion.supplier,
                location_id: suggestion.location_id,
                location: suggestion.location,
                reference: None,
                note: None,
                currency: suggestion.currency,
                quantity: 0,
                received: 0,
                cost_minor: 0,
                lines: Some(Vec::new()),
                expected_at: None,
                version: 1,
                created_at: now,
                ordered_at: ask.place.then_some(now),
                updated_at: now,
            };
            (0, purchase)
        });
        *lead_time_days = suggestion.needs.lead_time_days.max(*lead_time_days);
        let lines = purchase.lines.get_or_insert_default();
        lines.push(PurchaseLine {
            line: lines.len() as i64 + 1,
            product_id: suggestion.product_id,
            sku: suggestion.sku,
            quantity,
            received: 0,
            unit_cost_minor: suggestion.unit_cost_minor,
        });
    }
    if !wrong.is_empty() {
        return Err(Refusal::Invalid(wrong).into());
    }
    for (lead_time_days, purchase) in orders.values_mut() {
        purchase.expected_at = ask.place.then(|| expected_after(now, *lead_time_days));
        purchase.sum_up();
    }
    let rows: Vec<_> = orders
        .values()
        .map(|(_, purchase)| PurchaseRow {
            supplier_id: purchase.supplier_id,
            location_id: purchase.location_id,
            status: purchase.status,
            currency: &purchase.currency,
            expected_at: purchase.expected_at.map(Timestamp::micros),
            ordered_at: purchase.ordered_at.map(Timestamp::micros),
            at: now.micros(),
        })
        .collect();
    let inserted: Vec<Inserted> = tx.all(&INSERT, &[(&json(&rows)?).into()]).await?;
    for row in inserted {
        if let Some((_, purchase)) = orders.get_mut(&(row.supplier_id, row.location_id)) {
            purchase.id = row.id;
        }
    }
    let orders: Vec<_> = orders.into_values().map(|(_, purchase)| purchase).collect();
    purchases::write_lines(tx, &orders).await?;
    for purchase in &orders {
        let event = if ask.place {
            EventType::PurchaseOrdered
        } else {
            EventType::PurchaseChanged
        };
        tx.audit("replenishment_order", subject(purchase.id), None, Some(purchase))?;
        tx.event(event, subject(purchase.id), &purchase.summary())?;
    }
    if ask.place {
        purchases::write_ordered(tx, &orders).await?;
    }
    Ok(orders)
}
