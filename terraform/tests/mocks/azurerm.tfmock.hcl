# What Azure would say of each resource: ids and addresses of the right form, since the provider checks them where other
# resources name them.

mock_resource "azurerm_resource_group" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg"
  }
}

mock_resource "azurerm_user_assigned_identity" {
  override_during = plan
  defaults = {
    id           = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app"
    client_id    = "00000000-0000-0000-0000-0000000000c1"
    principal_id = "00000000-0000-0000-0000-0000000000b1"
    tenant_id    = "00000000-0000-0000-0000-0000000000a1"
  }
}

mock_resource "azurerm_virtual_network" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/vnet"
  }
}

mock_resource "azurerm_subnet" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/vnet/subnets/snet"
  }
}

mock_resource "azurerm_public_ip" {
  override_during = plan
  defaults = {
    id         = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Network/publicIPAddresses/pip"
    ip_address = "203.0.113.9"
  }
}

mock_resource "azurerm_nat_gateway" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Network/natGateways/ng"
  }
}

mock_resource "azurerm_network_security_group" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg"
  }
}

mock_resource "azurerm_private_dns_zone" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Network/privateDnsZones/privatelink.example.net"
  }
}

mock_resource "azurerm_private_endpoint" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Network/privateEndpoints/pe"
  }
}

mock_resource "azurerm_storage_account" {
  override_during = plan
  defaults = {
    id                    = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st"
    primary_blob_endpoint = "https://st.blob.core.windows.net/"
  }
}

mock_resource "azurerm_storage_container" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st/blobServices/default/containers/container"
  }
}

mock_resource "azurerm_key_vault" {
  override_during = plan
  defaults = {
    id        = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"
    vault_uri = "https://kv.vault.azure.net/"
  }
}

mock_resource "azurerm_postgresql_flexible_server" {
  override_during = plan
  defaults = {
    id   = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql"
    fqdn = "psql.postgres.database.azure.com"
  }
}

mock_resource "azurerm_servicebus_namespace" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.ServiceBus/namespaces/sbns"
  }
}

mock_resource "azurerm_servicebus_queue" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.ServiceBus/namespaces/sbns/queues/orders"
  }
}

mock_resource "azurerm_servicebus_topic" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.ServiceBus/namespaces/sbns/topics/inventory-events"
  }
}

mock_resource "azurerm_servicebus_subscription" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.ServiceBus/namespaces/sbns/topics/inventory-events/subscriptions/subscription"
  }
}

mock_resource "azurerm_cosmosdb_account" {
  override_during = plan
  defaults = {
    id       = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.DocumentDB/databaseAccounts/cosmos"
    endpoint = "https://cosmos.documents.azure.com:443/"
  }
}

mock_resource "azurerm_managed_redis" {
  override_during = plan
  defaults = {
    id       = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Cache/redisEnterprise/redis"
    hostname = "redis.westeurope.redis.azure.net"
    default_database = {
      port = 10000
    }
  }
}

mock_resource "azurerm_service_plan" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Web/serverFarms/asp"
  }
}

mock_resource "azurerm_function_app_flex_consumption" {
  override_during = plan
  defaults = {
    id               = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Web/sites/func"
    default_hostname = "func.azurewebsites.net"
  }
}

mock_resource "azurerm_linux_function_app" {
  override_during = plan
  defaults = {
    id               = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Web/sites/func"
    default_hostname = "func.azurewebsites.net"
  }
}

mock_resource "azurerm_linux_function_app_slot" {
  override_during = plan
  defaults = {
    id               = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Web/sites/func/slots/next"
    default_hostname = "func-next.azurewebsites.net"
  }
}

mock_resource "azurerm_log_analytics_workspace" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/log"
  }
}

mock_resource "azurerm_application_insights" {
  override_during = plan
  defaults = {
    id                = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Insights/components/appi"
    connection_string = "InstrumentationKey=00000000-0000-0000-0000-0000000000e1;IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/"
  }
}

mock_resource "azurerm_monitor_action_group" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Insights/actionGroups/ag"
  }
}

mock_resource "azurerm_application_insights_standard_web_test" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Insights/webTests/webtest"
  }
}

mock_resource "azurerm_cdn_frontdoor_profile" {
  override_during = plan
  defaults = {
    id            = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Cdn/profiles/afd"
    resource_guid = "00000000-0000-0000-0000-0000000000f1"
  }
}

mock_resource "azurerm_cdn_frontdoor_endpoint" {
  override_during = plan
  defaults = {
    id        = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Cdn/profiles/afd/afdEndpoints/fde"
    host_name = "fde-0000.z01.azurefd.net"
  }
}

mock_resource "azurerm_cdn_frontdoor_origin_group" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Cdn/profiles/afd/originGroups/function-apps"
  }
}

mock_resource "azurerm_cdn_frontdoor_origin" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Cdn/profiles/afd/originGroups/function-apps/origins/primary"
  }
}

mock_resource "azurerm_cdn_frontdoor_custom_domain" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Cdn/profiles/afd/customDomains/domain"
  }
}

mock_resource "azurerm_cdn_frontdoor_firewall_policy" {
  override_during = plan
  defaults = {
    id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.Network/frontDoorWebApplicationFirewallPolicies/waf"
  }
}

mock_data "azurerm_client_config" {
  override_during = plan
  defaults = {
    client_id       = "00000000-0000-0000-0000-0000000000c2"
    object_id       = "00000000-0000-0000-0000-0000000000b2"
    subscription_id = "00000000-0000-0000-0000-00000000000a"
    tenant_id       = "00000000-0000-0000-0000-0000000000a1"
  }
}
