-- What a decided order writes, once more: two foreign keys and two index entries less (docs/adr/0012).

-- An order's customer is looked at and locked by the statement that inserts the order; its products were looked up by the same
-- transaction or before it. Neither is ever deleted.
ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey;
ALTER TABLE order_lines DROP CONSTRAINT order_lines_product_id_fkey;
CREATE TRIGGER customers_never_deleted BEFORE DELETE ON customers
    FOR EACH ROW EXECUTE FUNCTION rows_are_never_deleted();
CREATE TRIGGER products_never_deleted BEFORE DELETE ON products
    FOR EACH ROW EXECUTE FUNCTION rows_are_never_deleted();

-- Nearly every row of the trail is a decision. Who asks for those reads the trail itself; the indexes are for all others.
DROP INDEX audit_actor;
DROP INDEX audit_action;
CREATE INDEX audit_actor ON audit (actor, id) WHERE actor <> 'orders_process';
CREATE INDEX audit_action ON audit (action, id) WHERE action <> 'orders_process';
