# Production's rehearsal: the same parts, in smaller sizes, without the second region and without Front Door.
environment = "staging"
location    = "westeurope"
name_suffix = "wh1"
owner       = "inventory-team@example.com"
cost_center = "1001"

hosting = "elastic_premium"
elastic_premium = {
  sku           = "EP1"
  instances_min = 1
  instances_max = 10
  slots         = ["next"]
}

# Only build agents and testers reach the app; the services only the network. Put your own addresses.
public_network_access_enabled = false
allowed_ip_addresses          = ["203.0.113.0/28"]
address_space                 = "10.42.0.0/22"
cors_origins                  = ["https://staging.inventory.example.com"]

postgresql = {
  sku                   = "GP_Standard_D2ds_v5"
  storage_mb            = 131072
  zone_redundant        = true
  backup_retention_days = 14
}
database_pool_max = 30

database_administrators = {
  "inventory-database-admins-staging" = { object_id = "00000000-0000-0000-0000-000000000d03" }
}

service_bus = {
  sku      = "Premium"
  capacity = 1
}

redis               = { sku = "Balanced_B1" }
storage_replication = "ZRS"

event_history_ttl_days = 90
rate_limit             = { requests = 1000 }

alert_emails = ["inventory-team@example.com"]
runbooks_url = "https://dev.azure.com/example/inventory/_git/inventory?path=/docs/runbooks"

retention_days         = 60
telemetry_daily_gb_max = 5
budget = {
  amount     = 2500
  start_date = "2026-12-01T00:00:00Z"
}
