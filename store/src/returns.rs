//! Returns in the database.

use crate::{
    StoreError, Tx,
    db::{FromRow, Reader, Run as _, Sql, Store, Write, json},
    fulfilment, locations,
    orders::subject,
    paging::Page,
    products::expect_version,
    stock::{self, Cause, LockedItem},
};
use inventory_domain::{
    Refusal,
    event::EventType,
    low_stock,
    movement::{MovementKind, Reason},
    order::Order,
    returns::{Disposition, NewReturn, Return, ReturnLine, ReturnReason},
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

pub(crate) const RETURNS: Write = Write {
    name: "returns",
    sql: "INSERT INTO returns (id, order_id, returned_at)
          SELECT id, order_id, returned_at FROM {rows $rows r: id UUID, order_id UUID, returned_at BIGINT}",
};
pub(crate) const RETURN_LINES: Write = Write {
    name: "return_lines",
    sql: "INSERT INTO return_lines (return_id, position, line, quantity, disposition, reason, stock_item_id)
          SELECT return_id, position, line, quantity, disposition, reason, stock_item_id
          FROM {rows $rows r: return_id UUID, position BIGINT, line BIGINT, quantity BIGINT, disposition TEXT, reason TEXT, stock_item_id BIGINT}",
};

#[derive(Serialize)]
struct ReturnRow {
    id: Uuid,
    order_id: Uuid,
    returned_at: i64,
}

#[derive(Serialize)]
struct ReturnLineRow<'a> {
    return_id: Uuid,
    position: i64,
    #[serde(flatten)]
    line: &'a ReturnLine,
}

/// Where a line's units left.
struct Origin {
    line: i64,
    stock_item_id: i64,
}

impl FromRow for Origin {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            line: row.int()?,
            stock_item_id: row.int()?,
        })
    }
}

/// Takes units of an order back: what is restocked is on hand again.
///
/// # Errors
/// When the input breaks a rule, there is no such order, its version is another one, fewer units of a line have left, or a
/// product that is to be restocked is archived.
pub async fn create(
    tx: &mut Tx,
    order_id: Uuid,
    expected: Option<i64>,
    new: &NewReturn,
) -> Result<(Return, Order), StoreError> {
    new.validate()?;
    let mut order = fulfilment::lock(tx, order_id).await?.order;
    expect_version(expected, order.version)?;
    new.apply(&mut order)?;
    let homes = homes(tx, &order, new).await?;
    let ids: Vec<i64> = homes.values().copied().collect();
    let mut items: BTreeMap<i64, LockedItem> = BTreeMap::new();
    if !ids.is_empty() {
        let locked = stock::lock(tx, &[], &ids).await?;
        items.extend(locked.into_iter().map(|item| (item.id, item)));
    }
    let mut lines = Vec::with_capacity(new.lines.len());
    for line in &new.lines {
        let stock_item_id = match line.disposition {
            Disposition::Restock => homes.get(&line.line).copied(),
            Disposition::WriteOff => None,
        };
        if let Some(id) = stock_item_id {
            let item = items
                .get_mut(&id)
                .ok_or(StoreError::Internal(sqlx::Error::RowNotFound))?;
            let cause = Cause {
                reason: Some(Reason::Return),
                ..Cause::order(order_id)
            };
            item.change(tx, MovementKind::Return, line.quantity, 0, cause)?;
        }
        lines.push(ReturnLine {
            line: line.line,
            quantity: line.quantity,
            disposition: line.disposition,
            reason: line.reason,
            stock_item_id,
        });
    }
    let returned = Return {
        id: Uuid::now_v7(),
        order_id,
        lines,
        returned_at: tx.now(),
    };
    order.version += 1;
    order.updated_at = tx.now();
    tx.audit("returns_create", subject(order_id), None, Some(&returned))?;
    tx.event(EventType::OrderReturned, subject(order_id), &order.record())?;
    let row = ReturnRow {
        id: returned.id,
        order_id,
        returned_at: returned.returned_at.micros(),
    };
    let numbered = returned.lines.iter().zip(0..);
    let lines: Vec<_> = numbered
        .map(|(line, position)| ReturnLineRow {
            return_id: returned.id,
            position,
            line,
        })
        .collect();
    let rows = [("returns", json(&[row])?), ("return_lines", json(&lines)?)];
    fulfilment::stage(tx, &order, items, rows)?;
    Ok((returned, order))
}

/// For each line of which something is restocked, the stock item that gets it: at the location that is named, else the one that
/// the line's units left.
async fn homes(tx: &mut Tx, order: &Order, new: &NewReturn) -> Result<BTreeMap<i64, i64>, StoreError> {
    static ORIGINS: Sql = Sql::new(
        "SELECT line, stock_item_id FROM reservations WHERE order_id = $1 AND state IN ('shipped', 'active', 'released')
         ORDER BY line, CASE state WHEN 'shipped' THEN 0 WHEN 'active' THEN 1 ELSE 2 END, stock_item_id",
    );
    let restocked: BTreeSet<i64> = new
        .lines
        .iter()
        .filter(|line| line.disposition == Disposition::Restock)
        .map(|line| line.line)
        .collect();
    let mut homes = BTreeMap::new();
    if restocked.is_empty() {
        return Ok(homes);
    }
    let Some(location_id) = new.location_id else {
        for origin in tx.all::<Origin>(&ORIGINS, &[order.id.into()]).await? {
            if restocked.contains(&origin.line) {
                homes.entry(origin.line).or_insert(origin.stock_item_id);
            }
        }
        return Ok(homes);
    };
    locations::named(tx, Some(location_id), None).await?;
    for line in order.lines.iter().filter(|line| restocked.contains(&line.line)) {
        let (status, reorder_point) = stock::stocking(tx, line.product_id).await?;
        let effective = low_stock::effective_reorder_point(status, reorder_point, None);
        let (item, _) = stock::ensure(tx, line.product_id, location_id, effective).await?;
        homes.insert(line.line, item);
    }
    Ok(homes)
}

struct Row {
    returned: Return,
    line: ReturnLine,
}

impl FromRow for Row {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            returned: Return {
                id: row.uuid()?,
                order_id: row.uuid()?,
                returned_at: row.time()?,
                lines: Vec::new(),
            },
            line: ReturnLine {
                line: row.int()?,
                quantity: row.int()?,
                disposition: row.word(Disposition::parse)?,
                reason: row.word(ReturnReason::parse)?,
                stock_item_id: row.int_opt()?,
            },
        })
    }
}

fn gather(rows: Vec<Row>) -> Vec<Return> {
    let mut returns: Vec<Return> = Vec::new();
    for row in rows {
        if returns.last().is_none_or(|last| last.id != row.returned.id) {
            returns.push(row.returned);
        }
        if let Some(last) = returns.last_mut() {
            last.lines.push(row.line);
        }
    }
    returns
}

/// A page of an order's returns, oldest first.
///
/// # Errors
/// When the database is away.
pub async fn of_order(store: &Store, order_id: Uuid, page: Page) -> Result<Vec<Return>, StoreError> {
    static OF_ORDER: Sql = Sql::new(
        "SELECT t.id, t.order_id, t.returned_at, i.line, i.quantity, i.disposition, i.reason, i.stock_item_id
         FROM (SELECT id, order_id, returned_at FROM returns WHERE order_id = $1 ORDER BY returned_at, id LIMIT $2 OFFSET $3) t
         JOIN return_lines i ON i.return_id = t.id ORDER BY t.returned_at, t.id, i.position",
    );
    let args = [order_id.into(), page.limit.into(), page.skip.into()];
    Ok(gather(store.all(&OF_ORDER, &args).await?))
}

/// One return.
///
/// # Errors
/// When there is none with this id.
pub async fn get(store: &Store, id: Uuid) -> Result<Return, StoreError> {
    static GET: Sql = Sql::new(
        "SELECT t.id, t.order_id, t.returned_at, i.line, i.quantity, i.disposition, i.reason, i.stock_item_id
         FROM returns t JOIN return_lines i ON i.return_id = t.id WHERE t.id = $1 ORDER BY i.position",
    );
    let found = gather(store.all(&GET, &[id.into()]).await?).into_iter().next();
    Ok(found.ok_or_else(|| Refusal::not_found("return", id))?)
}
