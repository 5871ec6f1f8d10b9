# What customers use. Its second region is described in ../README.md.
environment = "production"
location    = "westeurope"
name_suffix = "wh1"
owner       = "inventory-team@example.com"
cost_center = "1001"

secondary_location = "northeurope"

hosting = "elastic_premium"
elastic_premium = {
  sku            = "EP2"
  instances_min  = 3
  instances_max  = 30
  zone_redundant = true
  slots          = ["next"]
}

# Build agents that verify a slot before it is swapped. Put your own addresses.
public_network_access_enabled = false
allowed_ip_addresses          = ["203.0.113.0/28"]
address_space                 = "10.43.0.0/22"
cors_origins                  = ["https://inventory.example.com"]

edge_enabled = true
edge = {
  rate_limit_per_minute = 6000
  waf_mode              = "Prevention"
}

postgresql = {
  sku                   = "GP_Standard_D8ds_v5"
  storage_mb            = 524288
  zone_redundant        = true
  geo_redundant_backup  = true
  backup_retention_days = 35
}
database_pool_max = 30

database_administrators = {
  "inventory-database-admins-production" = { object_id = "00000000-0000-0000-0000-000000000d04" }
}

service_bus = {
  sku      = "Premium"
  capacity = 2
}

cosmos = {
  throughput_max = 10000
  zone_redundant = true
}
redis               = { sku = "Balanced_B5" }
storage_replication = "GZRS"

files_retention_days   = 90
event_history_ttl_days = 730

alert_emails = ["inventory-oncall@example.com"]
runbooks_url = "https://dev.azure.com/example/inventory/_git/inventory?path=/docs/runbooks"

retention_days         = 90
telemetry_daily_gb_max = 20
trace_sample_ratio     = 0.25
budget = {
  amount     = 9000
  start_date = "2026-12-01T00:00:00Z"
}
