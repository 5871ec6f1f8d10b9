output "account_ids" {
  description = "Storage accounts, by use."
  value       = { for use, account in azurerm_storage_account.main : use => account.id }
}

output "host_account_name" {
  description = "Account of the Functions host."
  value       = azurerm_storage_account.main["host"].name
}

output "packages_container_url" {
  description = "Where packages are put."
  value       = "${azurerm_storage_account.main["host"].primary_blob_endpoint}${azurerm_storage_container.packages.name}"
}

output "files_endpoint" {
  description = "Blob endpoint of the account that holds files."
  value       = azurerm_storage_account.main["files"].primary_blob_endpoint
}

output "files_container" {
  description = "Container of exports and imports."
  value       = azurerm_storage_container.files.name
}

output "controls" {
  description = "What was decided about security, read back from the resources."
  value = {
    accounts = { for use, account in azurerm_storage_account.main : use => {
      public_network_access = account.public_network_access_enabled
      default_action        = account.network_rules[0].default_action
      shared_keys           = account.shared_access_key_enabled
      local_users           = account.local_user_enabled
      public_blobs          = account.allow_nested_items_to_be_public
      min_tls_version       = account.min_tls_version
      https_only            = account.https_traffic_only_enabled
      replication           = account.account_replication_type
      tags                  = account.tags
    } }
    containers            = [azurerm_storage_container.packages.container_access_type, azurerm_storage_container.files.container_access_type]
    backup_retention_days = azurerm_storage_management_policy.host.rule[0].actions[0].base_blob[0].delete_after_days_since_creation_greater_than
    roles = [for role in concat([azurerm_role_assignment.host, azurerm_role_assignment.files], values(azurerm_role_assignment.deployers)) :
    { role = role.role_definition_name, scope = role.scope, principal_id = role.principal_id }]
  }
}
