-- Orders leave in parts, are called off in parts, come back, wait for stock and for their payment (docs/adr/0020).

-- An order that has shipped in part is 'confirmed' with this mark: a program of before reads it as what it can still be shipped or
-- cancelled as.
ALTER TABLE orders ADD COLUMN is_partly_shipped BIGINT NOT NULL DEFAULT 0;
-- What was paid, or must be (JSON); NULL: nothing is known of that.
ALTER TABLE orders ADD COLUMN payment TEXT;
CREATE INDEX orders_partly_shipped ON orders (created_at, id) WHERE is_partly_shipped = 1;

ALTER TABLE order_lines ADD COLUMN cancelled BIGINT NOT NULL DEFAULT 0;
ALTER TABLE order_lines ADD COLUMN returned BIGINT NOT NULL DEFAULT 0;
-- When the order of a line came that waits for stock; NULL: it does not wait.
ALTER TABLE order_lines ADD COLUMN waiting_since BIGINT;
-- Rows of before have nothing called off and nothing returned: they need not be read to be believed.
ALTER TABLE order_lines ADD CONSTRAINT order_lines_cancelled_beside_reserved
    CHECK (0 <= cancelled AND reserved + cancelled <= quantity AND 0 <= returned AND returned <= shipped) NOT VALID;
UPDATE order_lines AS l SET waiting_since = o.created_at FROM orders o WHERE o.id = l.order_id AND o.status = 'backordered';
CREATE INDEX order_lines_waiting ON order_lines (product_id, waiting_since, order_id) WHERE waiting_since IS NOT NULL;

-- Its lines and stock items are rows that the transaction which inserts it has locked, and are never deleted (docs/adr/0012).
CREATE TABLE shipments (
    id UUID PRIMARY KEY,
    order_id UUID NOT NULL,
    carrier TEXT,
    tracking TEXT,
    shipped_at BIGINT NOT NULL
);
CREATE INDEX shipments_order ON shipments (order_id, shipped_at, id);
CREATE TABLE shipment_lines (
    shipment_id UUID NOT NULL,
    line BIGINT NOT NULL,
    stock_item_id BIGINT NOT NULL,
    quantity BIGINT NOT NULL CONSTRAINT shipment_lines_quantity_positive CHECK (quantity > 0),
    PRIMARY KEY (shipment_id, line, stock_item_id)
);
-- Orders of before left whole.
INSERT INTO shipments (id, order_id, shipped_at) SELECT id, id, updated_at FROM orders WHERE status = 'shipped';
INSERT INTO shipment_lines (shipment_id, line, stock_item_id, quantity)
SELECT v.order_id, v.line, v.stock_item_id, v.quantity FROM reservations v WHERE v.state = 'shipped';

CREATE TABLE returns (
    id UUID PRIMARY KEY,
    order_id UUID NOT NULL,
    returned_at BIGINT NOT NULL
);
CREATE INDEX returns_order ON returns (order_id, returned_at, id);
CREATE TABLE return_lines (
    return_id UUID NOT NULL,
    position BIGINT NOT NULL,
    line BIGINT NOT NULL,
    quantity BIGINT NOT NULL CONSTRAINT return_lines_quantity_positive CHECK (quantity > 0),
    disposition TEXT NOT NULL CONSTRAINT return_lines_disposition_known CHECK (disposition IN ('restock', 'write_off')),
    reason TEXT NOT NULL,
    -- NULL for what was written off.
    stock_item_id BIGINT,
    PRIMARY KEY (return_id, position)
);

-- What is known of each payment at who takes the money; see the order's own column for the sum.
CREATE TABLE payments (
    id TEXT PRIMARY KEY,
    -- NULL while no message has said which order it is for.
    order_id UUID,
    currency TEXT NOT NULL,
    paid_minor BIGINT NOT NULL CONSTRAINT payments_paid_not_negative CHECK (paid_minor >= 0),
    refunded_minor BIGINT NOT NULL CONSTRAINT payments_refunded_not_negative CHECK (refunded_minor >= 0),
    updated_at BIGINT NOT NULL
);
CREATE INDEX payments_order ON payments (order_id) WHERE order_id IS NOT NULL;
-- Messages that were taken note of: one that comes again changes nothing.
CREATE TABLE payment_messages (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL,
    type TEXT NOT NULL,
    received_at BIGINT NOT NULL
);
