# A second region of production that stands by, and the moment it takes over (README, "A second region").

mock_provider "azurerm" {
  source          = "./tests/mocks"
  override_during = plan
}

run "file" {
  module {
    source = "./tests/tfvars"
  }

  variables {
    environment = "production"
  }
}

run "stands_by" {
  command = plan

  variables {
    project                       = lookup(run.file.values, "project", null)
    environment                   = lookup(run.file.values, "environment", null)
    owner                         = lookup(run.file.values, "owner", null)
    cost_center                   = lookup(run.file.values, "cost_center", null)
    tags                          = lookup(run.file.values, "tags", null)
    standby_origins               = lookup(run.file.values, "standby_origins", null)
    hosting                       = lookup(run.file.values, "hosting", null)
    flex                          = lookup(run.file.values, "flex", null)
    elastic_premium               = lookup(run.file.values, "elastic_premium", null)
    cors_origins                  = lookup(run.file.values, "cors_origins", null)
    address_space                 = lookup(run.file.values, "address_space", null)
    public_network_access_enabled = lookup(run.file.values, "public_network_access_enabled", null)
    allowed_ip_addresses          = lookup(run.file.values, "allowed_ip_addresses", null)
    edge                          = lookup(run.file.values, "edge", null)
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
    # What differs there.
    name_suffix        = "ne1"
    location           = "northeurope"
    secondary_location = null
    is_standby         = true
    edge_enabled       = false
    front_door_id      = "00000000-0000-0000-0000-0000000000f1"
    postgresql = merge(run.file.values.postgresql, {
      source_server_id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql"
      zone_redundant   = false
    })
  }

  assert {
    condition     = output.controls.function_app.sites["production"].disabled_functions == [for name in output.background_functions : name]
    error_message = "a replica takes no writes, so nothing may work in the background: ${jsonencode(output.controls.function_app.sites["production"].disabled_functions)}"
  }

  assert {
    condition     = one(output.controls.function_app.sites["production"].restrictions[0].front_door_ids) == "00000000-0000-0000-0000-0000000000f1"
    error_message = "the first region's Front Door, and no other, reaches the app"
  }

  assert {
    condition     = length(output.controls.postgresql.administrators) == 0 && length(output.controls.postgresql.parameters) == 0
    error_message = "a replica has its administrators and parameters from its source"
  }

  assert {
    condition     = output.settings.CLIENT_IP_HEADER == "X-Azure-ClientIP"
    error_message = "Front Door says who calls here too"
  }
}

run "takes_over" {
  command = plan

  variables {
    project                       = lookup(run.file.values, "project", null)
    environment                   = lookup(run.file.values, "environment", null)
    owner                         = lookup(run.file.values, "owner", null)
    cost_center                   = lookup(run.file.values, "cost_center", null)
    tags                          = lookup(run.file.values, "tags", null)
    standby_origins               = lookup(run.file.values, "standby_origins", null)
    hosting                       = lookup(run.file.values, "hosting", null)
    flex                          = lookup(run.file.values, "flex", null)
    elastic_premium               = lookup(run.file.values, "elastic_premium", null)
    cors_origins                  = lookup(run.file.values, "cors_origins", null)
    address_space                 = lookup(run.file.values, "address_space", null)
    public_network_access_enabled = lookup(run.file.values, "public_network_access_enabled", null)
    allowed_ip_addresses          = lookup(run.file.values, "allowed_ip_addresses", null)
    edge                          = lookup(run.file.values, "edge", null)
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

    name_suffix        = "ne1"
    location           = "northeurope"
    secondary_location = null
    is_standby         = false
    edge_enabled       = false
    front_door_id      = "00000000-0000-0000-0000-0000000000f1"
    postgresql = merge(run.file.values.postgresql, {
      source_server_id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql"
    })
  }

  assert {
    condition     = output.controls.function_app.sites["production"].disabled_functions == []
    error_message = "whoever has taken over works in the background: ${jsonencode(output.controls.function_app.sites["production"].disabled_functions)}"
  }

  assert {
    condition     = output.controls.postgresql.replication_role == "None"
    error_message = "its database is a replica no longer"
  }
}
