-- Orders leave in parts, are called off in parts, come back, wait for stock and for their payment (docs/adr/0020).

-- An order that has shipped in part is 'confirmed' with this mark: a program of before reads it as what it can still be shipped or
-- cancelled as.
ALTER TABLE orders ADD COLUMN is_partly_shipped INTEGER NOT NULL DEFAULT 0;
-- What was paid, or must be (JSON); NULL: nothing is known of that.
ALTER TABLE orders ADD COLUMN payment TEXT;
CREATE INDEX orders_partly_shipped ON orders (created_at, id) WHERE is_partly_shipped = 1;

ALTER TABLE order_lines ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0
    CONSTRAINT order_lines_cancelled_beside_reserved CHECK (0 <= cancelled AND reserved + cancelled <= quantity);
ALTER TABLE order_lines ADD COLUMN returned INTEGER NOT NULL DEFAULT 0
    CONSTRAINT order_lines_returned_within_shipped CHECK (0 <= returned AND returned <= shipped);
-- When the order of a line came that waits for stock; NULL: it does not wait.
ALTER TABLE order_lines ADD COLUMN waiting_since INTEGER;
UPDATE order_lines SET waiting_since = o.created_at FROM orders o WHERE o.id = order_lines.order_id AND o.status = 'backordered';
CREATE INDEX order_lines_waiting ON order_lines (product_id, waiting_since, order_id) WHERE waiting_since IS NOT NULL;

CREATE TABLE shipments (
    id BLOB PRIMARY KEY,
    order_id BLOB NOT NULL REFERENCES orders (id),
    carrier TEXT,
    tracking TEXT,
    shipped_at INTEGER NOT NULL
) STRICT;
CREATE INDEX shipments_order ON shipments (order_id, shipped_at, id);
CREATE TABLE shipment_lines (
    shipment_id BLOB NOT NULL REFERENCES shipments (id),
    line INTEGER NOT NULL,
    stock_item_id INTEGER NOT NULL REFERENCES stock_items (id),
    quantity INTEGER NOT NULL CONSTRAINT shipment_lines_quantity_positive CHECK (quantity > 0),
    PRIMARY KEY (shipment_id, line, stock_item_id)
) STRICT;
-- Orders of before left whole.
INSERT INTO shipments (id, order_id, shipped_at) SELECT id, id, updated_at FROM orders WHERE status = 'shipped';
INSERT INTO shipment_lines (shipment_id, line, stock_item_id, quantity)
SELECT v.order_id, v.line, v.stock_item_id, v.quantity FROM reservations v WHERE v.state = 'shipped';

CREATE TABLE returns (
    id BLOB PRIMARY KEY,
    order_id BLOB NOT NULL REFERENCES orders (id),
    returned_at INTEGER NOT NULL
) STRICT;
CREATE INDEX returns_order ON returns (order_id, returned_at, id);
CREATE TABLE return_lines (
    return_id BLOB NOT NULL REFERENCES returns (id),
    position INTEGER NOT NULL,
    line INTEGER NOT NULL,
    quantity INTEGER NOT NULL CONSTRAINT return_lines_quantity_positive CHECK (quantity > 0),
    disposition TEXT NOT NULL CONSTRAINT return_lines_disposition_known CHECK (disposition IN ('restock', 'write_off')),
    reason TEXT NOT NULL,
    -- NULL for what was written off.
    stock_item_id INTEGER REFERENCES stock_items (id),
    PRIMARY KEY (return_id, position)
) STRICT;

-- What is known of each payment at who takes the money; see the order's own column for the sum.
CREATE TABLE payments (
    id TEXT PRIMARY KEY,
    -- NULL while no message has said which order it is for.
    order_id BLOB REFERENCES orders (id),
    currency TEXT NOT NULL,
    paid_minor INTEGER NOT NULL CONSTRAINT payments_paid_not_negative CHECK (paid_minor >= 0),
    refunded_minor INTEGER NOT NULL CONSTRAINT payments_refunded_not_negative CHECK (refunded_minor >= 0),
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX payments_order ON payments (order_id) WHERE order_id IS NOT NULL;
-- Messages that were taken note of: one that comes again changes nothing.
CREATE TABLE payment_messages (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL,
    type TEXT NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;
