output "id" {
  description = "The account."
  value       = azurerm_cosmosdb_account.main.id
}

output "endpoint" {
  description = "Address of the account."
  value       = azurerm_cosmosdb_account.main.endpoint
}

output "database" {
  description = "The database."
  value       = azurerm_cosmosdb_sql_database.main.name
}

output "container" {
  description = "The container."
  value       = azurerm_cosmosdb_sql_container.events.name
}

output "controls" {
  description = "What was decided about security, read back from the resources."
  value = {
    public_network_access = azurerm_cosmosdb_account.main.public_network_access_enabled
    local_authentication  = azurerm_cosmosdb_account.main.local_authentication_enabled
    min_tls_version       = azurerm_cosmosdb_account.main.minimal_tls_version
    locations             = length(azurerm_cosmosdb_account.main.geo_location)
    default_ttl           = azurerm_cosmosdb_sql_container.events.default_ttl
    partition_key_paths   = azurerm_cosmosdb_sql_container.events.partition_key_paths
    throughput_max        = azurerm_cosmosdb_sql_container.events.autoscale_settings[0].max_throughput
    tags                  = azurerm_cosmosdb_account.main.tags
    role = {
      definition   = azurerm_cosmosdb_sql_role_assignment.app.role_definition_id
      scope        = azurerm_cosmosdb_sql_role_assignment.app.scope
      principal_id = azurerm_cosmosdb_sql_role_assignment.app.principal_id
    }
  }
}
