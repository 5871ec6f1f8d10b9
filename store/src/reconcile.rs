//! Holds the levels against the ledger, the reservations (invariants I1 to I3) and the purchase orders, and repairs them.

use crate::{
    StoreError, Tx,
    db::{FromRow, MovementRow, Reader, Sql, Store},
    stock::{self, Incoming},
};
use inventory_domain::movement::{MovementKind, Reason};
use serde::Serialize;

/// A stock item whose levels do not agree with ledger, reservations and purchase orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The stock item.
    pub stock_item_id: i64,
    /// Units on hand as recorded on the item.
    pub on_hand: i64,
    /// Units reserved as recorded on the item.
    pub reserved: i64,
    /// Sum of the ledger's on-hand deltas.
    pub ledger_on_hand: i64,
    /// Sum of the ledger's reserved deltas.
    pub ledger_reserved: i64,
    /// Sum of the active reservations and holds.
    pub reservations: i64,
    /// Units on their way as recorded on the item.
    pub incoming: i64,
    /// Sum of what purchase orders have ordered for it and what has not come.
    pub purchases: i64,
}

impl FromRow for Drift {
    fn from_row(row: &mut Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            stock_item_id: row.int()?,
            on_hand: row.int()?,
            reserved: row.int()?,
            ledger_on_hand: row.int()?,
            ledger_reserved: row.int()?,
            reservations: row.int()?,
            incoming: row.int()?,
            purchases: row.int()?,
        })
    }
}

/// Stock items that there are.
///
/// # Errors
/// When the database is away.
pub async fn items(store: &Store) -> Result<i64, StoreError> {
    static ITEMS: Sql = Sql::new("SELECT COUNT(*) FROM stock_items");
    store.one(&ITEMS, &[]).await
}

/// Stock items that drift, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn drift(store: &Store, limit: i64) -> Result<Vec<Drift>, StoreError> {
    store.report(&DRIFT, &[limit.into()]).await
}

static DRIFT: Sql = Sql::new(
    "SELECT s.id, s.on_hand, s.reserved, CAST(COALESCE(m.on_hand, 0) AS BIGINT), CAST(COALESCE(m.reserved, 0) AS BIGINT), CAST(COALESCE(v.quantity, 0) AS BIGINT),
            s.incoming, CAST(COALESCE(w.quantity, 0) AS BIGINT)
     FROM stock_items s
     LEFT JOIN (SELECT stock_item_id, SUM(on_hand_delta) AS on_hand, SUM(reserved_delta) AS reserved FROM movements GROUP BY stock_item_id) m ON m.stock_item_id = s.id
     LEFT JOIN (SELECT stock_item_id, SUM(quantity) AS quantity FROM (
         SELECT stock_item_id, quantity FROM reservations WHERE state = 'active'
         UNION ALL SELECT stock_item_id, quantity FROM hold_lines WHERE status = 'active') promised GROUP BY stock_item_id) v ON v.stock_item_id = s.id
     LEFT JOIN (SELECT n.product_id, b.location_id, SUM(n.quantity - n.received) AS quantity
                FROM purchases b JOIN purchase_lines n ON n.purchase_id = b.id
                WHERE b.status IN ('ordered', 'partly_received') AND n.quantity > n.received
                GROUP BY n.product_id, b.location_id) w ON w.product_id = s.product_id AND w.location_id = s.location_id
     WHERE s.on_hand <> COALESCE(m.on_hand, 0) OR s.reserved <> COALESCE(m.reserved, 0) OR s.reserved <> COALESCE(v.quantity, 0)
        OR s.incoming <> COALESCE(w.quantity, 0)
     ORDER BY s.id LIMIT $1",
);

/// Repairs one stock item under its lock: reserved becomes the sum of the active reservations and holds, on hand the ledger's sum (at
/// least what is reserved), and a correcting movement makes the ledger say the same; what is on its way becomes what purchase orders
/// say. Says whether there was something to do.
///
/// # Errors
/// When the database is away.
pub async fn repair(mut tx: Tx, stock_item_id: i64) -> Result<bool, StoreError> {
    static SUMS: Sql = Sql::new(
        "SELECT s.id, s.on_hand, s.reserved,
                CAST(COALESCE((SELECT SUM(m.on_hand_delta) FROM movements m WHERE m.stock_item_id = s.id), 0) AS BIGINT),
                CAST(COALESCE((SELECT SUM(m.reserved_delta) FROM movements m WHERE m.stock_item_id = s.id), 0) AS BIGINT),
                CAST(COALESCE((SELECT SUM(v.quantity) FROM reservations v WHERE v.stock_item_id = s.id AND v.state = 'active'), 0)
                     + COALESCE((SELECT SUM(h.quantity) FROM hold_lines h WHERE h.stock_item_id = s.id AND h.status = 'active'), 0) AS BIGINT),
                s.incoming,
                CAST(COALESCE((SELECT SUM(n.quantity - n.received) FROM purchases b JOIN purchase_lines n ON n.purchase_id = b.id
                               WHERE b.status IN ('ordered', 'partly_received') AND b.location_id = s.location_id
                                 AND n.product_id = s.product_id AND n.quantity > n.received), 0) AS BIGINT)
         FROM stock_items s WHERE s.id = $1",
    );
    let Some(mut item) = stock::lock(&mut tx, &[], &[stock_item_id]).await?.pop() else {
        return Ok(false);
    };
    // The sums are read after the lock: nobody changes them any more.
    let sums: Drift = tx.one(&SUMS, &[stock_item_id.into()]).await?;
    let reserved = sums.reservations;
    let on_hand = sums.ledger_on_hand.max(reserved);
    let (on_hand_delta, reserved_delta) = (on_hand - sums.ledger_on_hand, reserved - sums.ledger_reserved);
    let has_levels = (item.on_hand, item.reserved, on_hand_delta, reserved_delta) == (on_hand, reserved, 0, 0);
    let incoming_delta = sums.purchases - item.incoming;
    if has_levels && incoming_delta == 0 {
        return Ok(false);
    }
    let incoming = Incoming {
        id: stock_item_id,
        delta: incoming_delta,
        changed: i64::from((item.on_hand, item.reserved) == (on_hand, reserved)),
    };
    stock::write_incoming(&mut tx, &[incoming]).await?;
    (item.on_hand, item.reserved) = (on_hand, reserved);
    if (on_hand_delta, reserved_delta) != (0, 0) {
        tx.movement(MovementRow {
            stock_item_id,
            kind: MovementKind::Adjustment,
            on_hand_delta,
            reserved_delta,
            on_hand_after: on_hand,
            reserved_after: reserved,
            reason: Some(Reason::Correction),
            note: Some("reconciled".to_owned()),
            order_id: None,
        });
    }
    tx.audit("inventory_reconcile", stock::subject(stock_item_id), Some(&sums), None)?;
    let rows = stock::settle(&mut tx, vec![item])?;
    tx.stage(&stock::LEVELS, rows)?;
    tx.commit().await?;
    Ok(true)
}
