locals {
  is_replica = var.server.source_server_id != null
  database   = "inventory"

  # Requests go through PgBouncer, in transactions. It knows nothing of what the program asks for when it connects, so these
  # are ignored there and said once, for the role (sql/role.sql). It prepares statements anew where a server connection lacks them.
  # https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-pgbouncer
  pgbouncer = var.server.pgbouncer ? {
    "pgbouncer.enabled"                   = "true"
    "pgbouncer.pool_mode"                 = "transaction"
    "pgbouncer.max_client_conn"           = tostring(var.server.connections_max)
    "pgbouncer.max_prepared_statements"   = "500"
    "pgbouncer.ignore_startup_parameters" = "extra_float_digits,options"
  } : {}

  # A replica takes these from its source.
  parameters = local.is_replica ? {} : merge({
    require_secure_transport            = "on"
    ssl_min_protocol_version            = "TLSv1.2"
    "azure.extensions"                  = "PG_STAT_STATEMENTS,PG_TRGM"
    "pg_qs.query_capture_mode"          = "top"
    log_min_duration_statement          = "1000"
    log_lock_waits                      = "on"
    log_connections                     = "on"
    log_disconnections                  = "on"
    "logfiles.download_enable"          = "off"
    idle_in_transaction_session_timeout = "60000"
  }, local.pgbouncer)
}

resource "azurerm_postgresql_flexible_server" "main" {
  name                = "psql-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  create_mode      = local.is_replica ? "Replica" : "Default"
  source_server_id = var.server.source_server_id
  # Ends replication: the server takes writes from then on, and there is no way back.
  replication_role = local.is_replica && !var.is_standby ? "None" : null
  version          = local.is_replica ? null : var.server.version
  sku_name         = var.server.sku
  storage_mb       = var.server.storage_mb

  auto_grow_enabled            = true
  backup_retention_days        = var.server.backup_retention_days
  geo_redundant_backup_enabled = var.server.geo_redundant_backup

  public_network_access_enabled = var.public_network_access_enabled

  # Passwords are off: people and programs come with tokens of Entra ID.
  authentication {
    active_directory_auth_enabled = true
    password_auth_enabled         = false
    tenant_id                     = var.tenant_id
  }

  dynamic "high_availability" {
    for_each = var.server.zone_redundant ? [true] : []

    content {
      mode = "ZoneRedundant"
    }
  }

  # Sunday, when least is ordered.
  maintenance_window {
    day_of_week  = 0
    start_hour   = 3
    start_minute = 0
  }

  lifecycle {
    # A failover exchanges the zones, and storage grows by itself: neither is to be turned back.
    ignore_changes  = [zone, high_availability[0].standby_availability_zone, storage_mb]
    prevent_destroy = true
  }
}

resource "azurerm_postgresql_flexible_server_active_directory_administrator" "main" {
  for_each = local.is_replica ? {} : var.administrators

  resource_group_name = var.resource_group_name
  server_name         = azurerm_postgresql_flexible_server.main.name
  tenant_id           = var.tenant_id
  object_id           = each.value.object_id
  principal_name      = each.key
  principal_type      = each.value.type
}

resource "azurerm_postgresql_flexible_server_database" "main" {
  count = local.is_replica ? 0 : 1

  name      = local.database
  server_id = azurerm_postgresql_flexible_server.main.id
  charset   = "UTF8"
  collation = "en_US.utf8"

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_postgresql_flexible_server_configuration" "main" {
  for_each = local.parameters

  name      = each.key
  server_id = azurerm_postgresql_flexible_server.main.id
  value     = each.value
}

resource "azurerm_postgresql_flexible_server_firewall_rule" "main" {
  for_each = var.public_network_access_enabled ? toset(var.allowed_ip_addresses) : []

  name             = "allow-${replace(replace(each.value, ".", "-"), "/", "_")}"
  server_id        = azurerm_postgresql_flexible_server.main.id
  start_ip_address = cidrhost(strcontains(each.value, "/") ? each.value : "${each.value}/32", 0)
  end_ip_address   = cidrhost(strcontains(each.value, "/") ? each.value : "${each.value}/32", -1)
}
