-- Orders of lists, the search, and word to all instances that the catalogue has changed (docs/adr/0019).

CREATE INDEX products_name ON products (name, id);
CREATE INDEX products_updated ON products (updated_at, id);

-- A search looks for parts of words. Where the extension may not be created (on Azure it must be in azure.extensions) it finds the
-- same, reading the whole table.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX products_search ON products USING gin (
        lower(sku || ' ' || name || ' ' || COALESCE(category, '') || ' ' || COALESCE(barcode, '')) gin_trgm_ops
    );
EXCEPTION
    WHEN insufficient_privilege OR feature_not_supported OR undefined_file OR undefined_object OR invalid_parameter_value THEN
        RAISE NOTICE 'no index for the search of products: %', SQLERRM;
END $$;

-- Who keeps products and locations in memory listens here. Whoever changes them is heard, programs that know nothing of this
-- included. New rows are kept by nobody; and a notification has 8000 bytes at most.
CREATE FUNCTION catalogue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids TEXT;
BEGIN
    SELECT CASE WHEN COUNT(*) > 200 THEN '*' ELSE string_agg(id::TEXT, ',') END INTO ids FROM changed;
    IF ids IS NOT NULL THEN
        PERFORM pg_notify('inventory_catalogue', TG_TABLE_NAME || ':' || ids);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER products_changed AFTER UPDATE ON products
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER locations_changed AFTER UPDATE ON locations
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
