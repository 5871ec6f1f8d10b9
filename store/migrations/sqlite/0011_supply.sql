-- Suppliers, purchase orders and cycle counts (docs/adr/0017).

CREATE TABLE suppliers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL CONSTRAINT suppliers_currency_iso CHECK (length(currency) = 3),
    enabled INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX suppliers_code_key ON suppliers (code);

CREATE TABLE supplied_products (
    supplier_id INTEGER NOT NULL REFERENCES suppliers (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    lead_time_days INTEGER NOT NULL CONSTRAINT supplied_products_lead_time_not_negative CHECK (lead_time_days >= 0),
    minimum_quantity INTEGER NOT NULL CONSTRAINT supplied_products_minimum_positive CHECK (minimum_quantity > 0),
    pack_size INTEGER NOT NULL CONSTRAINT supplied_products_pack_positive CHECK (pack_size > 0),
    unit_cost_minor INTEGER NOT NULL CONSTRAINT supplied_products_cost_not_negative CHECK (unit_cost_minor >= 0),
    safety_stock INTEGER NOT NULL CONSTRAINT supplied_products_safety_not_negative CHECK (safety_stock >= 0),
    priority INTEGER NOT NULL,
    PRIMARY KEY (supplier_id, product_id)
) STRICT;
CREATE INDEX supplied_products_product ON supplied_products (product_id, priority, supplier_id);

CREATE TABLE purchases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    supplier_id INTEGER NOT NULL REFERENCES suppliers (id),
    location_id INTEGER NOT NULL REFERENCES locations (id),
    status TEXT NOT NULL CONSTRAINT purchases_status_known CHECK (status IN
        ('draft', 'ordered', 'partly_received', 'received', 'cancelled')),
    reference TEXT,
    note TEXT,
    currency TEXT NOT NULL,
    expected_at INTEGER,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    ordered_at INTEGER,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX purchases_status ON purchases (status, id);
CREATE INDEX purchases_supplier ON purchases (supplier_id, id);

CREATE TABLE purchase_lines (
    purchase_id INTEGER NOT NULL REFERENCES purchases (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    line INTEGER NOT NULL,
    quantity INTEGER NOT NULL CONSTRAINT purchase_lines_quantity_positive CHECK (quantity > 0),
    received INTEGER NOT NULL DEFAULT 0 CONSTRAINT purchase_lines_received_not_negative CHECK (received >= 0),
    unit_cost_minor INTEGER NOT NULL,
    PRIMARY KEY (purchase_id, product_id)
) STRICT;
CREATE INDEX purchase_lines_product ON purchase_lines (product_id, purchase_id);

-- Ordered and not there yet; kept beside the levels, written by the purchase order's own transaction.
ALTER TABLE stock_items ADD COLUMN incoming INTEGER NOT NULL DEFAULT 0
    CONSTRAINT stock_items_incoming_not_negative CHECK (incoming >= 0);

-- What was sold of a stock item in the last weeks. Only what leaves has an entry: shipments, and sales that are entered.
CREATE INDEX movements_sold ON movements (stock_item_id, created_at, on_hand_delta) WHERE kind = 'shipment' OR reason = 'sale';

CREATE TABLE counts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    status TEXT NOT NULL CONSTRAINT counts_status_known CHECK (status IN ('open', 'posted', 'cancelled')),
    name TEXT NOT NULL,
    blind INTEGER NOT NULL,
    location_id INTEGER REFERENCES locations (id),
    category TEXT,
    created_by TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    posted_at INTEGER,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX counts_status ON counts (status, id);
CREATE INDEX counts_posted ON counts (posted_at) WHERE posted_at IS NOT NULL;

CREATE TABLE count_lines (
    count_id INTEGER NOT NULL REFERENCES counts (id),
    stock_item_id INTEGER NOT NULL REFERENCES stock_items (id),
    -- Units on hand when the count was opened, and the price that a difference is valued at.
    expected INTEGER NOT NULL,
    unit_price_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    counted INTEGER CONSTRAINT count_lines_counted_not_negative CHECK (counted >= 0),
    -- What the ledger said at the moment of counting, and its last movement then.
    on_hand INTEGER,
    movement_id INTEGER,
    counted_at INTEGER,
    counted_by TEXT,
    times INTEGER NOT NULL DEFAULT 0,
    outcome TEXT CONSTRAINT count_lines_outcome_known CHECK (outcome IN ('agreed', 'adjusted', 'blocked', 'superseded')),
    adjusted INTEGER,
    PRIMARY KEY (count_id, stock_item_id)
) STRICT;
-- Whether somebody has counted a stock item later than somebody else.
CREATE INDEX count_lines_settled ON count_lines (stock_item_id, counted_at) WHERE outcome IN ('agreed', 'adjusted');
