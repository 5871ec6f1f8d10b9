//! The rows of an export as CSV.

use super::Sink;
use crate::{App, catalogue, clock, csv_text::to_cell};
use inventory_domain::{
    Timestamp,
    file_job::{ExportKind, NewExport},
    product::ProductStatus,
};
use inventory_store::exports::{self as store, MovementFilter, MovementRow, OrderRow, ProductRow, StockRow};
use uuid::Uuid;

/// Rows read with one statement.
const BATCH: i64 = 1_000;
/// Orders read with one statement: each has up to 200 lines.
const ORDERS_BATCH: i64 = 100;
/// How many ids of movements are looked at with one statement.
const MOVEMENTS_RANGE: i64 = 5_000;

const INVENTORY: [&str; 7] = [
    "sku",
    "location",
    "quantity",
    "reserved",
    "available",
    "reorder_point",
    "updated_at",
];
const MOVEMENTS: [&str; 13] = [
    "id",
    "created_at",
    "sku",
    "location",
    "kind",
    "on_hand_delta",
    "reserved_delta",
    "on_hand_after",
    "reserved_after",
    "reason",
    "note",
    "order_id",
    "actor",
];
const ORDERS: [&str; 13] = [
    "order_id",
    "created_at",
    "status",
    "customer_id",
    "customer",
    "on_shortage",
    "reason",
    "decided_at",
    "line",
    "sku",
    "quantity",
    "reserved",
    "shipped",
];

/// Writes an export, part by part; `progress` hears how many rows there are. Says how many there were.
pub(super) async fn write<S: Sink>(
    app: &App,
    new: &NewExport,
    sink: &mut S,
    mut progress: impl FnMut(i64),
) -> Result<i64, S::Error> {
    let mut table = Table::default();
    match new.kind {
        ExportKind::Products => {
            table.row(catalogue::COLUMNS)?;
            let mut after = 0;
            loop {
                let rows = store::products(app.store(), new.category.as_deref(), after, BATCH).await?;
                let Some(last) = rows.last() else { break };
                after = last.id;
                for row in &rows {
                    table.row(product(row))?;
                }
                table.hand_over(sink, &mut progress).await?;
            }
        }
        ExportKind::Inventory => {
            table.row(INVENTORY)?;
            let mut after = 0;
            loop {
                let rows = store::inventory(app.store(), new.location.as_deref(), after, BATCH).await?;
                let Some(last) = rows.last() else { break };
                after = last.id;
                for row in &rows {
                    table.row(stock(row))?;
                }
                table.hand_over(sink, &mut progress).await?;
            }
        }
        ExportKind::Movements => {
            table.row(MOVEMENTS)?;
            let filter = MovementFilter {
                location: new.location.as_deref(),
                from: new.from,
                until: new.until,
            };
            let newest = store::newest_movement(app.store()).await?;
            let mut after = 0;
            while after < newest {
                let last = newest.min(after + MOVEMENTS_RANGE);
                for row in &store::movements(app.store(), filter, after, last).await? {
                    table.row(movement(row))?;
                }
                after = last;
                table.hand_over(sink, &mut progress).await?;
            }
        }
        ExportKind::Orders => {
            table.row(ORDERS)?;
            // Orders that come meanwhile are not in it: else it might never end.
            let now = clock();
            let until = new.until.map_or(now, |until| until.min(now));
            let from = new.from.map_or(i64::MIN, Timestamp::micros);
            let mut after = (Timestamp::from_micros(from.saturating_sub(1)), Uuid::max());
            loop {
                let rows = store::orders(app.store(), after, until, ORDERS_BATCH).await?;
                let Some(last) = rows.last() else { break };
                after = (last.created_at, last.order_id);
                for row in &rows {
                    table.row(order(row))?;
                }
                table.hand_over(sink, &mut progress).await?;
            }
        }
    }
    table.hand_over(sink, &mut progress).await?;
    Ok(table.rows)
}

/// Rows that are not handed over yet.
struct Table {
    part: csv::Writer<Vec<u8>>,
    /// Rows so far, without the header.
    rows: i64,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            part: part(),
            // The header counts up to none.
            rows: -1,
        }
    }
}

fn part() -> csv::Writer<Vec<u8>> {
    csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new())
}

impl Table {
    fn row<T: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = T>) -> Result<(), csv::Error> {
        self.rows += 1;
        self.part.write_record(cells)
    }

    async fn hand_over<S: Sink>(&mut self, sink: &mut S, progress: &mut impl FnMut(i64)) -> Result<(), S::Error> {
        let written = std::mem::replace(&mut self.part, part());
        let bytes = written
            .into_inner()
            .map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))?;
        sink.take(&bytes).await?;
        progress(self.rows);
        Ok(())
    }
}

fn text(text: &str) -> String {
    to_cell(text).into_owned()
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn product(row: &ProductRow) -> [String; 10] {
    [
        text(&row.sku),
        text(&row.name),
        text(row.category.as_deref().unwrap_or_default()),
        text(row.barcode.as_deref().unwrap_or_default()),
        row.unit_price_minor.to_string(),
        text(&row.currency),
        row.on_hand.to_string(),
        row.reorder_point.to_string(),
        row.reorder_quantity.to_string(),
        if row.status == ProductStatus::Discontinued {
            "t"
        } else {
            "f"
        }
        .to_owned(),
    ]
}

fn stock(row: &StockRow) -> [String; 7] {
    [
        text(&row.sku),
        text(&row.location),
        row.quantity.to_string(),
        row.reserved.to_string(),
        (row.quantity - row.reserved).to_string(),
        optional(row.reorder_point),
        row.updated_at.to_string(),
    ]
}

fn movement(row: &MovementRow) -> [String; 13] {
    [
        row.id.to_string(),
        row.created_at.to_string(),
        text(&row.sku),
        text(&row.location),
        row.kind.to_string(),
        row.on_hand_delta.to_string(),
        row.reserved_delta.to_string(),
        row.on_hand_after.to_string(),
        row.reserved_after.to_string(),
        optional(row.reason),
        text(row.note.as_deref().unwrap_or_default()),
        optional(row.order_id),
        text(&row.actor),
    ]
}

fn order(row: &OrderRow) -> [String; 13] {
    [
        row.order_id.to_string(),
        row.created_at.to_string(),
        row.status.to_string(),
        row.customer_id.to_string(),
        text(&row.customer),
        row.on_shortage.to_string(),
        optional(row.reason),
        optional(row.decided_at),
        row.line.to_string(),
        text(&row.sku),
        row.quantity.to_string(),
        row.reserved.to_string(),
        row.shipped.to_string(),
    ]
}
