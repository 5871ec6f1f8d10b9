-- SQLite keeps its foreign keys, which cost it little. What they lead to is never deleted, as on PostgreSQL.

CREATE TRIGGER orders_never_deleted BEFORE DELETE ON orders
BEGIN
    SELECT RAISE(ABORT, 'rows of orders are never deleted');
END;
CREATE TRIGGER stock_items_never_deleted BEFORE DELETE ON stock_items
BEGIN
    SELECT RAISE(ABORT, 'rows of stock_items are never deleted');
END;
