resource "azurerm_managed_redis" "main" {
  name                = "redis-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  sku_name            = var.sku
  tags                = var.tags

  high_availability_enabled = var.high_availability
  # It has no firewall, so it is private everywhere.
  public_network_access = "Disabled"

  default_database {
    access_keys_authentication_enabled = false
    client_protocol                    = "Encrypted"
    # One address for all shards: the program's client speaks to one server.
    clustering_policy = "EnterpriseCluster"
    # What is counted here expires by itself.
    eviction_policy = "VolatileTTL"
  }
}

resource "azurerm_managed_redis_access_policy_assignment" "app" {
  managed_redis_id = azurerm_managed_redis.main.id
  object_id        = var.app_principal_id
}
