# One developer's or one team's place to try things: small, cheap, scales to nothing.
environment = "dev"
location    = "westeurope"
name_suffix = "wh1"
owner       = "inventory-team@example.com"
cost_center = "1001"

hosting = "flex"
flex = {
  instance_memory_mb = 2048
  instances_max      = 20
}

# Developers' desks and build agents reach the services by name; the app itself goes by private endpoints.
public_network_access_enabled = true
allowed_ip_addresses          = []
address_space                 = "10.40.0.0/22"
cors_origins                  = ["http://localhost:5173"]

# The Burstable tier has no PgBouncer, so instances go to PostgreSQL itself: 20 of them with 15 connections each.
postgresql = {
  sku             = "B_Standard_B2s"
  pgbouncer       = false
  connections_max = 400
}
database_pool_max = 15

database_administrators = {
  "inventory-database-admins-dev" = { object_id = "00000000-0000-0000-0000-000000000d01" }
}

event_history_ttl_days = 30

# Tests of all kinds come from one address.
rate_limit = { requests = 10000 }
log_level  = "info,inventory_app=debug,inventory_handlers=debug"

alert_emails = ["inventory-team@example.com"]
runbooks_url = "https://dev.azure.com/example/inventory/_git/inventory?path=/docs/runbooks"

telemetry_daily_gb_max = 1
budget = {
  amount     = 300
  start_date = "2026-12-01T00:00:00Z"
}
