# Where releases are tested: like dev in its hosting, like production in its way to the database.
environment = "qa"
location    = "westeurope"
name_suffix = "wh1"
owner       = "inventory-team@example.com"
cost_center = "1001"

hosting = "flex"
flex = {
  instance_memory_mb = 2048
  instances_max      = 40
  # No cold start in a test that measures time.
  always_ready = { http = 1 }
}

public_network_access_enabled = true
allowed_ip_addresses          = []
address_space                 = "10.41.0.0/22"
cors_origins                  = ["https://qa.inventory.example.com"]

postgresql = {
  sku                   = "GP_Standard_D2ds_v5"
  storage_mb            = 65536
  backup_retention_days = 7
}
database_pool_max = 20

database_administrators = {
  "inventory-database-admins-qa" = { object_id = "00000000-0000-0000-0000-000000000d02" }
}

redis = {
  sku               = "Balanced_B0"
  high_availability = false
}

event_history_ttl_days = 90
# Load tests come from few addresses.
rate_limit = { requests = 10000 }

alert_emails = ["inventory-team@example.com"]
runbooks_url = "https://dev.azure.com/example/inventory/_git/inventory?path=/docs/runbooks"

telemetry_daily_gb_max = 2
budget = {
  amount     = 800
  start_date = "2026-12-01T00:00:00Z"
}
