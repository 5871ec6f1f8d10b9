-- The app's role: its managed identity, with what it needs and no more. Run once by an administrator of the server, after the
-- first migration, on the direct port:
--   psql "host=FQDN port=5432 dbname=inventory user=ADMINISTRATOR sslmode=verify-full sslrootcert=system" \
--     -v identity=id-inventory-dev -v statement_timeout=30s -f role.sql
-- It may be run again.

\set ON_ERROR_STOP on

SELECT pgaadauth_create_principal(:'identity', false, false)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'identity');

GRANT CONNECT ON DATABASE inventory TO :"identity";
GRANT USAGE ON SCHEMA public TO :"identity";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"identity";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO :"identity";
-- Tables of later migrations, made by whoever runs this.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"identity";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO :"identity";

-- What the program asks for when it connects, for connections through PgBouncer, which does not pass it on (docs/adr/0011).
ALTER ROLE :"identity" SET statement_timeout = :'statement_timeout';
ALTER ROLE :"identity" SET enable_hashjoin = off;
ALTER ROLE :"identity" SET enable_mergejoin = off;
ALTER ROLE :"identity" SET jit = off;
ALTER ROLE :"identity" SET plan_cache_mode = force_generic_plan;
ALTER ROLE :"identity" SET extra_float_digits = 2;
ALTER ROLE :"identity" SET application_name = 'inventory';
