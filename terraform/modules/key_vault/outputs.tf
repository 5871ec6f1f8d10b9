output "id" {
  description = "The vault."
  value       = azurerm_key_vault.main.id
}

output "name" {
  description = "Name of the vault."
  value       = azurerm_key_vault.main.name
}

output "url" {
  description = "Address of the vault, as the program wants it."
  value       = trimsuffix(azurerm_key_vault.main.vault_uri, "/")
}

output "controls" {
  description = "What was decided about security, read back from the resources."
  value = {
    public_network_access = azurerm_key_vault.main.public_network_access_enabled
    default_action        = azurerm_key_vault.main.network_acls[0].default_action
    rbac                  = azurerm_key_vault.main.rbac_authorization_enabled
    purge_protection      = azurerm_key_vault.main.purge_protection_enabled
    soft_delete_days      = azurerm_key_vault.main.soft_delete_retention_days
    tags                  = azurerm_key_vault.main.tags
    roles = concat(
      [{ role = azurerm_role_assignment.app.role_definition_name, scope = azurerm_role_assignment.app.scope, principal_id = azurerm_role_assignment.app.principal_id }],
      [for role in azurerm_role_assignment.officers : { role = role.role_definition_name, scope = role.scope, principal_id = role.principal_id }],
    )
  }
}
