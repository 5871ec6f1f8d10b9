# environments/dev.tfvars: small, and reachable from listed addresses.

mock_provider "azurerm" {
  source          = "./tests/mocks"
  override_during = plan
}

run "file" {
  module {
    source = "./tests/tfvars"
  }

  variables {
    environment = "dev"
  }
}

run "plan" {
  command = plan

  # Every variable of the root module (a test of the workspace looks whether one is missing).
  variables {
    project                       = lookup(run.file.values, "project", null)
    environment                   = lookup(run.file.values, "environment", null)
    name_suffix                   = lookup(run.file.values, "name_suffix", null)
    location                      = lookup(run.file.values, "location", null)
    owner                         = lookup(run.file.values, "owner", null)
    cost_center                   = lookup(run.file.values, "cost_center", null)
    tags                          = lookup(run.file.values, "tags", null)
    secondary_location            = lookup(run.file.values, "secondary_location", null)
    is_standby                    = lookup(run.file.values, "is_standby", null)
    standby_origins               = lookup(run.file.values, "standby_origins", null)
    front_door_id                 = lookup(run.file.values, "front_door_id", null)
    hosting                       = lookup(run.file.values, "hosting", null)
    flex                          = lookup(run.file.values, "flex", null)
    elastic_premium               = lookup(run.file.values, "elastic_premium", null)
    cors_origins                  = lookup(run.file.values, "cors_origins", null)
    address_space                 = lookup(run.file.values, "address_space", null)
    public_network_access_enabled = lookup(run.file.values, "public_network_access_enabled", null)
    allowed_ip_addresses          = lookup(run.file.values, "allowed_ip_addresses", null)
    edge_enabled                  = lookup(run.file.values, "edge_enabled", null)
    edge                          = lookup(run.file.values, "edge", null)
    postgresql                    = lookup(run.file.values, "postgresql", null)
    database_administrators       = lookup(run.file.values, "database_administrators", null)
    database_pool_max             = lookup(run.file.values, "database_pool_max", null)
    service_bus                   = lookup(run.file.values, "service_bus", null)
    cosmos                        = lookup(run.file.values, "cosmos", null)
    event_history_ttl_days        = lookup(run.file.values, "event_history_ttl_days", null)
    storage_replication           = lookup(run.file.values, "storage_replication", null)
    files_retention_days          = lookup(run.file.values, "files_retention_days", null)
    redis                         = lookup(run.file.values, "redis", null)
    secrets_officers              = lookup(run.file.values, "secrets_officers", null)
    deployers                     = lookup(run.file.values, "deployers", null)
    entra                         = lookup(run.file.values, "entra", null)
    log_level                     = lookup(run.file.values, "log_level", null)
    trace_sample_ratio            = lookup(run.file.values, "trace_sample_ratio", null)
    rate_limit                    = lookup(run.file.values, "rate_limit", null)
    low_stock_schedule            = lookup(run.file.values, "low_stock_schedule", null)
    retention_days                = lookup(run.file.values, "retention_days", null)
    telemetry_daily_gb_max        = lookup(run.file.values, "telemetry_daily_gb_max", null)
    alert_emails                  = lookup(run.file.values, "alert_emails", null)
    alert_webhooks                = lookup(run.file.values, "alert_webhooks", null)
    runbooks_url                  = lookup(run.file.values, "runbooks_url", null)
    budget                        = lookup(run.file.values, "budget", null)
  }

  assert {
    condition     = output.settings.DATABASE_URL == "postgres://id-inventory-dev-wh1@psql.postgres.database.azure.com:5432/inventory?sslmode=verify-full"
    error_message = "without PgBouncer, requests go to PostgreSQL itself: ${output.settings.DATABASE_URL}"
  }

  assert {
    condition     = output.settings.CLIENT_IP_HEADER == "Client-IP"
    error_message = "behind the platform's front end alone, it says who calls"
  }

  assert {
    condition     = output.controls.edge == null && output.controls.redis == null
    error_message = "dev does without Front Door and Redis"
  }

  assert {
    condition     = output.background_functions == tolist(["files_work", "orders_backfill", "orders_deadletter", "orders_expire", "orders_process", "outbox_relay", "reservations_expire", "stock_reconcile", "stock_sweep"])
    error_message = "functions that nobody calls: ${jsonencode(output.background_functions)}"
  }
}

run "rules" {
  command = plan

  module {
    source = "./tests/rules"
  }

  variables {
    environment = "dev"
    controls    = run.plan.controls
    identity    = run.plan.identity
    hosting     = run.plan.hosting
  }

  assert {
    condition     = length(output.violations) == 0
    error_message = "dev breaks these rules:\n- ${join("\n- ", output.violations)}"
  }
}
