//! Shipments in the database.

use crate::{
    StoreError,
    db::{FromRow, Reader, Run as _, Sql, Store, Write},
    paging::Page,
};
use inventory_domain::{
    Timestamp,
    fulfilment::Taken,
    shipment::{NewShipment, Shipment, ShipmentLine},
};
use serde::Serialize;
use uuid::Uuid;

pub(crate) const SHIPMENTS: Write = Write {
    name: "shipments",
    sql: "INSERT INTO shipments (id, order_id, carrier, tracking, shipped_at)
          SELECT id, order_id, carrier, tracking, shipped_at
          FROM {rows $rows r: id UUID, order_id UUID, carrier TEXT, tracking TEXT, shipped_at BIGINT}",
};
pub(crate) const SHIPMENT_LINES: Write = Write {
    name: "shipment_lines",
    sql: "INSERT INTO shipment_lines (shipment_id, line, stock_item_id, quantity)
          SELECT shipment_id, line, stock_item_id, quantity
          FROM {rows $rows r: shipment_id UUID, line BIGINT, stock_item_id BIGINT, quantity BIGINT}",
};

#[derive(Serialize)]
pub(crate) struct ShipmentRow<'a> {
    id: Uuid,
    order_id: Uuid,
    carrier: Option<&'a str>,
    tracking: Option<&'a str>,
    shipped_at: i64,
}

impl<'a> ShipmentRow<'a> {
    pub(crate) fn new(order_id: Uuid, new: &'a NewShipment, now: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7(),
            order_id,
            carrier: new.carrier.as_deref(),
            tracking: new.tracking.as_deref(),
            shipped_at: now.micros(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct ShipmentLineRow {
    shipment_id: Uuid,
    line: i64,
    stock_item_id: i64,
    quantity: i64,
}

impl ShipmentLineRow {
    pub(crate) const fn new(shipment: &ShipmentRow<'_>, taken: Taken) -> Self {
        Self {
            shipment_id: shipment.id,
            line: taken.line,
            stock_item_id: taken.stock_item_id,
            quantity: taken.quantity,
        }
    }
}

struct Row {
    shipment: Shipment,
    line: ShipmentLine,
}

impl FromRow for Row {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            shipment: Shipment {
                id: row.uuid()?,
                order_id: row.uuid()?,
                carrier: row.text_opt()?,
                tracking: row.text_opt()?,
                shipped_at: row.time()?,
                lines: Vec::new(),
            },
            line: ShipmentLine {
                line: row.int()?,
                stock_item_id: row.int()?,
                location_id: row.int()?,
                location: row.text()?,
                quantity: row.int()?,
            },
        })
    }
}

/// A page of an order's shipments, oldest first.
///
/// # Errors
/// When the database is away.
pub async fn of_order(store: &Store, order_id: Uuid, page: Page) -> Result<Vec<Shipment>, StoreError> {
    static OF_ORDER: Sql = Sql::new(
        "SELECT h.id, h.order_id, h.carrier, h.tracking, h.shipped_at, i.line, i.stock_item_id, l.id, l.name, i.quantity
         FROM (SELECT id, order_id, carrier, tracking, shipped_at FROM shipments WHERE order_id = $1 ORDER BY shipped_at, id LIMIT $2 OFFSET $3) h
         JOIN shipment_lines i ON i.shipment_id = h.id JOIN stock_items s ON s.id = i.stock_item_id JOIN locations l ON l.id = s.location_id
         ORDER BY h.shipped_at, h.id, i.line, i.stock_item_id",
    );
    let rows: Vec<Row> = store
        .all(&OF_ORDER, &[order_id.into(), page.limit.into(), page.skip.into()])
        .await?;
    let mut shipments: Vec<Shipment> = Vec::new();
    for row in rows {
        if shipments.last().is_none_or(|last| last.id != row.shipment.id) {
            shipments.push(row.shipment);
        }
        if let Some(last) = shipments.last_mut() {
            last.lines.push(row.line);
        }
    }
    Ok(shipments)
}
