-- Orders of lists (docs/adr/0019).

CREATE INDEX products_name ON products (name, id);
CREATE INDEX products_updated ON products (updated_at, id);
