output "id" {
  description = "The server."
  value       = azurerm_managed_redis.main.id
}

output "url" {
  description = "Address, with the app's identity as user and without a password."
  value       = "rediss://${var.app_principal_id}@${azurerm_managed_redis.main.hostname}:${azurerm_managed_redis.main.default_database[0].port}"
}

output "controls" {
  description = "What was decided about security, read back from the resources."
  value = {
    public_network_access = azurerm_managed_redis.main.public_network_access
    access_keys           = azurerm_managed_redis.main.default_database[0].access_keys_authentication_enabled
    protocol              = azurerm_managed_redis.main.default_database[0].client_protocol
    high_availability     = azurerm_managed_redis.main.high_availability_enabled
    principal_id          = azurerm_managed_redis_access_policy_assignment.app.object_id
    tags                  = azurerm_managed_redis.main.tags
  }
}
