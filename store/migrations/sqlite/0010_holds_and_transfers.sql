-- Units that somebody holds for a while (docs/adr/0016). An order that a hold becomes has the hold's id.
CREATE TABLE holds (
    id BLOB PRIMARY KEY,
    status TEXT NOT NULL CONSTRAINT holds_status_known CHECK (status IN ('active', 'released', 'expired', 'committed')),
    -- The caller's own name for it: a cart, a quote.
    reference TEXT,
    expires_at INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX holds_due ON holds (expires_at) WHERE status = 'active';
CREATE INDEX holds_reference ON holds (reference, id) WHERE reference IS NOT NULL;

-- What is held where. Status and end are the hold's, copied here so that one index finds what is due on a stock item.
CREATE TABLE hold_lines (
    hold_id BLOB NOT NULL REFERENCES holds (id),
    line INTEGER NOT NULL,
    stock_item_id INTEGER NOT NULL REFERENCES stock_items (id),
    quantity INTEGER NOT NULL CONSTRAINT hold_lines_quantity_positive CHECK (quantity > 0),
    status TEXT NOT NULL CONSTRAINT hold_lines_status_known CHECK (status IN ('active', 'released', 'expired', 'committed')),
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (hold_id, line, stock_item_id)
) STRICT;
CREATE INDEX hold_lines_active ON hold_lines (stock_item_id, expires_at) WHERE status = 'active';
CREATE TRIGGER holds_never_deleted BEFORE DELETE ON holds
BEGIN
    SELECT RAISE(ABORT, 'rows of holds are never deleted');
END;

-- Stock on its way from one location to another. While it is in transit it is on hand nowhere.
CREATE TABLE transfers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    status TEXT NOT NULL CONSTRAINT transfers_status_known CHECK (status IN ('draft', 'in_transit', 'received', 'cancelled')),
    from_location_id INTEGER NOT NULL REFERENCES locations (id),
    to_location_id INTEGER NOT NULL REFERENCES locations (id),
    note TEXT,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    dispatched_at INTEGER,
    received_at INTEGER,
    updated_at INTEGER NOT NULL,
    CONSTRAINT transfers_go_somewhere_else CHECK (from_location_id <> to_location_id)
) STRICT;
CREATE INDEX transfers_status ON transfers (status, id);
CREATE TABLE transfer_lines (
    transfer_id INTEGER NOT NULL REFERENCES transfers (id),
    line INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL CONSTRAINT transfer_lines_quantity_positive CHECK (quantity > 0),
    received INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (transfer_id, line),
    CONSTRAINT transfer_lines_received_within_sent CHECK (0 <= received AND received <= quantity)
) STRICT;
CREATE INDEX transfer_lines_product ON transfer_lines (product_id, transfer_id);
