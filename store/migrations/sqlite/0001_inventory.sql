-- The whole inventory. Times are microseconds since the Unix epoch (INTEGER), money is minor units, so that both engines
-- keep the same values (docs/adr/0001). The PostgreSQL file differs in column types and triggers only.

CREATE TABLE products (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    category TEXT,
    barcode TEXT,
    unit_price_minor INTEGER NOT NULL CONSTRAINT products_price_not_negative CHECK (unit_price_minor >= 0),
    currency TEXT NOT NULL CONSTRAINT products_currency_iso CHECK (length(currency) = 3),
    reorder_point INTEGER NOT NULL CONSTRAINT products_reorder_point_not_negative CHECK (reorder_point >= 0),
    reorder_quantity INTEGER NOT NULL CONSTRAINT products_reorder_quantity_not_negative CHECK (reorder_quantity >= 0),
    status TEXT NOT NULL CONSTRAINT products_status_known CHECK (status IN ('active', 'discontinued', 'archived')),
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX products_sku_key ON products (sku);
CREATE UNIQUE INDEX products_barcode_key ON products (barcode) WHERE barcode IS NOT NULL;
CREATE INDEX products_category ON products (category, id);

CREATE TABLE locations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    priority INTEGER NOT NULL CONSTRAINT locations_priority_not_negative CHECK (priority >= 0),
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX locations_code_key ON locations (code);
CREATE UNIQUE INDEX locations_name_key ON locations (name);

-- Personal data lives here and nowhere else: everything else knows the id only.
CREATE TABLE customers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX customers_reference_key ON customers (reference);

CREATE TABLE stock_items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id INTEGER NOT NULL REFERENCES products (id),
    location_id INTEGER NOT NULL REFERENCES locations (id),
    on_hand INTEGER NOT NULL CONSTRAINT stock_items_on_hand_limit CHECK (on_hand <= 1000000000),
    reserved INTEGER NOT NULL,
    -- The item's own reorder point; NULL follows the product's.
    own_reorder_point INTEGER CONSTRAINT stock_items_reorder_point_not_negative CHECK (own_reorder_point >= 0),
    -- The effective one, copied here so that an index can serve the sweep; NULL: never low (not reordered any more).
    reorder_point INTEGER,
    -- Severity of the open alert, kept beside the levels so that it is read under their lock.
    alert_severity TEXT CONSTRAINT stock_items_alert_severity_known CHECK (alert_severity IN ('low', 'out')),
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT stock_items_reserved_within_on_hand CHECK (0 <= reserved AND reserved <= on_hand)
) STRICT;
CREATE UNIQUE INDEX stock_items_product_location_key ON stock_items (product_id, location_id);
CREATE INDEX stock_items_location ON stock_items (location_id, id);
CREATE INDEX stock_items_available ON stock_items ((on_hand - reserved), id);
CREATE INDEX stock_items_low ON stock_items (id) WHERE on_hand - reserved <= reorder_point;
CREATE INDEX stock_items_alerted ON stock_items (id) WHERE alert_severity IS NOT NULL;

-- The ledger: append-only, the sums of its deltas are the levels.
CREATE TABLE movements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stock_item_id INTEGER NOT NULL REFERENCES stock_items (id),
    kind TEXT NOT NULL,
    on_hand_delta INTEGER NOT NULL,
    reserved_delta INTEGER NOT NULL,
    on_hand_after INTEGER NOT NULL,
    reserved_after INTEGER NOT NULL,
    reason TEXT,
    note TEXT,
    order_id BLOB,
    actor TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT movements_change_something CHECK (on_hand_delta <> 0 OR reserved_delta <> 0 OR kind = 'receipt')
) STRICT;
CREATE INDEX movements_stock_item ON movements (stock_item_id, id);
CREATE TRIGGER movements_not_updated BEFORE UPDATE ON movements BEGIN SELECT RAISE(ABORT, 'movements are append-only'); END;
CREATE TRIGGER movements_not_deleted BEFORE DELETE ON movements BEGIN SELECT RAISE(ABORT, 'movements are append-only'); END;

CREATE TABLE orders (
    id BLOB PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    status TEXT NOT NULL CONSTRAINT orders_status_known CHECK (status IN
        ('pending', 'confirmed', 'rejected', 'backordered', 'shipped', 'cancelled', 'expired')),
    on_shortage TEXT NOT NULL,
    hold_minutes INTEGER,
    expires_at INTEGER,
    reason TEXT,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    decided_at INTEGER,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_created ON orders (created_at, id);
CREATE INDEX orders_status ON orders (status, created_at, id);
CREATE INDEX orders_customer ON orders (customer_id, created_at);
CREATE INDEX orders_due ON orders (expires_at) WHERE status = 'confirmed' AND expires_at IS NOT NULL;

CREATE TABLE order_lines (
    order_id BLOB NOT NULL REFERENCES orders (id),
    line INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL,
    reserved INTEGER NOT NULL DEFAULT 0,
    shipped INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, line),
    CONSTRAINT order_lines_shipped_within_reserved_within_ordered
        CHECK (0 <= shipped AND shipped <= reserved AND reserved <= quantity)
) STRICT;

CREATE TABLE reservations (
    order_id BLOB NOT NULL REFERENCES orders (id),
    line INTEGER NOT NULL,
    stock_item_id INTEGER NOT NULL REFERENCES stock_items (id),
    quantity INTEGER NOT NULL CONSTRAINT reservations_quantity_positive CHECK (quantity > 0),
    state TEXT NOT NULL CONSTRAINT reservations_state_known CHECK (state IN ('active', 'shipped', 'released', 'expired')),
    expires_at INTEGER,
    PRIMARY KEY (order_id, line, stock_item_id)
) STRICT;
CREATE INDEX reservations_active ON reservations (stock_item_id) WHERE state = 'active';
CREATE INDEX reservations_due ON reservations (stock_item_id, expires_at) WHERE state = 'active' AND expires_at IS NOT NULL;

CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stock_item_id INTEGER NOT NULL REFERENCES stock_items (id),
    severity TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT alerts_status_known CHECK (status IN ('open', 'acknowledged', 'cleared')),
    available INTEGER NOT NULL,
    reorder_point INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    raised_at INTEGER NOT NULL,
    acknowledged_at INTEGER,
    acknowledged_by TEXT,
    cleared_at INTEGER
) STRICT;
CREATE UNIQUE INDEX alerts_one_open ON alerts (stock_item_id) WHERE status <> 'cleared';
CREATE INDEX alerts_status ON alerts (status, id);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    entity TEXT NOT NULL,
    before TEXT,
    after TEXT
) STRICT;
CREATE INDEX audit_entity ON audit (entity, id);

-- Events, as they are sent; never changed, pruned when delivered and old.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id BLOB NOT NULL,
    subject TEXT NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    time INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_event ON outbox (event_id);
CREATE INDEX outbox_time ON outbox (time);

-- One row per event and destination.
CREATE TABLE deliveries (
    destination TEXT NOT NULL,
    seq INTEGER NOT NULL REFERENCES outbox (seq) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CONSTRAINT deliveries_state_known CHECK (state IN ('pending', 'sent', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    detail TEXT,
    PRIMARY KEY (seq, destination)
) STRICT;
CREATE INDEX deliveries_pending ON deliveries (destination, seq) WHERE state = 'pending';
-- Those that wait for another try; without it the relay would read every delivery to find that there are none.
CREATE INDEX deliveries_delayed ON deliveries (destination, subject) WHERE state = 'pending' AND next_at > 0;
CREATE INDEX deliveries_pending_subject ON deliveries (destination, subject, seq) WHERE state = 'pending';

-- Who is sending a subject's events just now.
CREATE TABLE relay_leases (
    destination TEXT NOT NULL,
    subject TEXT NOT NULL,
    owner BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (destination, subject)
) STRICT;

CREATE TABLE parked_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    message_id TEXT NOT NULL,
    delivery_count INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    body TEXT NOT NULL,
    -- Hash of the body: the same message that comes twice for the same reason is parked once.
    body_hash TEXT NOT NULL,
    truncated INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    parked_at INTEGER NOT NULL,
    replayed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX parked_messages_once ON parked_messages (source, message_id, body_hash) WHERE replayed_at IS NULL;

CREATE TABLE idempotency_keys (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    reply TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
