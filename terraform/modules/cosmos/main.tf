locals {
  # Cosmos DB's own; the same in every account.
  data_contributor = "00000000-0000-0000-0000-000000000002"
}

resource "azurerm_cosmosdb_account" "main" {
  name                = "cosmos-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  offer_type          = "Standard"
  kind                = "GlobalDocumentDB"
  tags                = var.tags

  local_authentication_enabled          = false
  access_key_metadata_writes_enabled    = false
  minimal_tls_version                   = "Tls12"
  public_network_access_enabled         = var.public_network_access_enabled
  ip_range_filter                       = var.public_network_access_enabled ? var.allowed_ip_addresses : []
  network_acl_bypass_for_azure_services = false

  automatic_failover_enabled       = var.secondary_location != null
  multiple_write_locations_enabled = false
  burst_capacity_enabled           = true

  consistency_policy {
    consistency_level = "Session"
  }

  geo_location {
    location          = var.location
    failover_priority = 0
    zone_redundant    = var.zone_redundant
  }

  dynamic "geo_location" {
    for_each = var.secondary_location[*]

    content {
      location          = geo_location.value
      failover_priority = 1
      zone_redundant    = var.zone_redundant
    }
  }

  backup {
    type = "Continuous"
    tier = "Continuous7Days"
  }
}

resource "azurerm_cosmosdb_sql_database" "main" {
  name                = var.database
  resource_group_name = var.resource_group_name
  account_name        = azurerm_cosmosdb_account.main.name
}

resource "azurerm_cosmosdb_sql_container" "events" {
  name                  = var.container
  resource_group_name   = var.resource_group_name
  account_name          = azurerm_cosmosdb_account.main.name
  database_name         = azurerm_cosmosdb_sql_database.main.name
  partition_key_paths   = ["/subject"]
  partition_key_version = 2
  # Time to live is on; each event brings its own (EVENT_HISTORY_TTL_DAYS).
  default_ttl = -1

  autoscale_settings {
    max_throughput = var.throughput_max
  }

  # Events are found by subject, narrowed by type and put in order by seq: nothing else is worth its index.
  indexing_policy {
    indexing_mode = "consistent"

    dynamic "included_path" {
      for_each = ["/subject/?", "/type/?", "/seq/?"]

      content {
        path = included_path.value
      }
    }

    excluded_path {
      path = "/*"
    }
  }
}

resource "azurerm_cosmosdb_sql_role_assignment" "app" {
  resource_group_name = var.resource_group_name
  account_name        = azurerm_cosmosdb_account.main.name
  principal_id        = var.app_principal_id
  role_definition_id  = "${azurerm_cosmosdb_account.main.id}/sqlRoleDefinitions/${local.data_contributor}"
  scope               = "${azurerm_cosmosdb_account.main.id}/dbs/${azurerm_cosmosdb_sql_database.main.name}/colls/${azurerm_cosmosdb_sql_container.events.name}"
}
