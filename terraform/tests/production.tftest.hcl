# environments/production.tfvars: private, redundant, behind Front Door.

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
    condition     = output.controls.postgresql.high_availability == "ZoneRedundant" && output.controls.postgresql.geo_redundant_backup && output.controls.postgresql.backup_retention_days == 35
    error_message = "the database has a standby in another zone and its backups in another region"
  }

  assert {
    condition     = contains(["16", "17"], output.controls.postgresql.version)
    error_message = "PostgreSQL 16 or 17"
  }

  assert {
    condition     = output.controls.cosmos.locations == 2 && alltrue([for account in output.controls.storage.accounts : account.replication == "GZRS"])
    error_message = "events and files are in a second region"
  }

  assert {
    condition     = output.controls.redis.high_availability
    error_message = "Redis has a second node"
  }

  assert {
    condition     = output.controls.edge.waf_mode == "Prevention" && output.controls.edge.waf_enabled && output.controls.edge.guarded >= 1
    error_message = "the firewall refuses, and guards the endpoint"
  }

  assert {
    condition     = output.controls.edge.managed_rules == { Microsoft_DefaultRuleSet = "Block", Microsoft_BotManagerRuleSet = "Block" } && contains(output.controls.edge.custom_rules, "RateLimitByAddress") && contains(output.controls.edge.custom_rules, "NoHostAdministration")
    error_message = "the firewall has its rules: ${jsonencode(output.controls.edge.managed_rules)} ${jsonencode(output.controls.edge.custom_rules)}"
  }

  assert {
    condition     = output.controls.edge.https_redirect && output.controls.edge.forwarding == "HttpsOnly" && output.controls.edge.certificates
    error_message = "Front Door speaks HTTPS to both sides"
  }

  assert {
    condition     = alltrue([for site in output.controls.function_app.sites : site.default_action == "Deny" && site.restrictions[0].service_tag == "AzureFrontDoor.Backend" && one(site.restrictions[0].front_door_ids) == "00000000-0000-0000-0000-0000000000f1"])
    error_message = "only our Front Door reaches the app: ${jsonencode([for site in output.controls.function_app.sites : site.restrictions])}"
  }

  assert {
    condition     = alltrue([for site in output.controls.function_app.sites : length(site.restrictions) == 2 && site.restrictions[1].ip_address == "203.0.113.0/28"])
    error_message = "and those who verify a slot"
  }

  assert {
    condition     = output.settings.CLIENT_IP_HEADER == "X-Azure-ClientIP"
    error_message = "Front Door says who calls"
  }

  assert {
    condition     = output.api_url == "https://fde-0000.z01.azurefd.net" && output.controls.monitoring.probe == "https://fde-0000.z01.azurefd.net/ready"
    error_message = "the API is reached, and probed, through Front Door: ${output.api_url}"
  }

  assert {
    condition     = output.settings.DATABASE_URL == "postgres://id-inventory-prd-wh1@psql.postgres.database.azure.com:6432/inventory?sslmode=verify-full"
    error_message = "requests go through PgBouncer: ${output.settings.DATABASE_URL}"
  }

  assert {
    condition     = output.settings.RATE_LIMIT_ENABLED == "true" && output.settings.MIGRATE_ON_START == "false" && output.settings.DATABASE_AUTHENTICATION == "entra"
    error_message = "settings of production"
  }
}

run "rules" {
  command = plan

  module {
    source = "./tests/rules"
  }

  variables {
    environment = "production"
    controls    = run.plan.controls
    identity    = run.plan.identity
    hosting     = run.plan.hosting
  }

  assert {
    condition     = length(output.violations) == 0
    error_message = "production breaks these rules:\n- ${join("\n- ", output.violations)}"
  }
}
