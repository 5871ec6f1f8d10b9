output "resource_group_name" {
  description = "Resource group of everything."
  value       = azurerm_resource_group.main.name
}

output "api_url" {
  description = "Address of the API."
  value       = "https://${local.api_host_name}"
}

output "function_app_name" {
  description = "Name of the function app, for deployments."
  value       = module.function_app.name
}

output "function_app_host_name" {
  description = "Host name of the function app itself, behind Front Door if there is one."
  value       = module.function_app.host_name
}

output "slots" {
  description = "Host names of the slots besides production."
  value       = module.function_app.slots
}

output "hosting" {
  description = "How the app is hosted, which decides how it is deployed."
  value       = var.hosting
}

output "packages_container_url" {
  description = "Container that packages are put into; WEBSITE_RUN_FROM_PACKAGE names one of them."
  value       = module.storage.packages_container_url
}

output "files_endpoint" {
  description = "Blob endpoint of the account that holds files."
  value       = module.storage.files_endpoint
}

output "identity" {
  description = "The app's identity: its name is its role in the database."
  value = {
    name         = azurerm_user_assigned_identity.app.name
    id           = azurerm_user_assigned_identity.app.id
    client_id    = azurerm_user_assigned_identity.app.client_id
    principal_id = azurerm_user_assigned_identity.app.principal_id
  }
}

output "database_url" {
  description = "Address of the database for requests."
  value       = module.postgresql.url
}

output "database_direct_url" {
  description = "Address of the database for migrations and backups. Put your own role for the app's."
  value       = module.postgresql.direct_url
}

output "postgresql_id" {
  description = "The database server: what a replica in a second region has as its source."
  value       = module.postgresql.id
}

output "key_vault_url" {
  description = "The Key Vault."
  value       = module.key_vault.url
}

output "key_vault_name" {
  description = "Name of the Key Vault."
  value       = module.key_vault.name
}

output "service_bus_host_name" {
  description = "The Service Bus namespace."
  value       = module.service_bus.host_name
}

output "cosmos_endpoint" {
  description = "The event history."
  value       = module.cosmos.endpoint
}

output "redis_url" {
  description = "Managed Redis, with the app's identity as user; null: none."
  value       = one(module.redis[*].url)
}

output "application_insights_id" {
  description = "Application Insights, whose telemetry the alerts and a deployment's watch query."
  value       = module.monitoring.application_insights_id
}

output "log_analytics_workspace_id" {
  description = "The Log Analytics workspace."
  value       = module.monitoring.workspace_id
}

output "action_group_id" {
  description = "Who is told of alerts."
  value       = module.monitoring.action_group_id
}

output "front_door_id" {
  description = "Id of Front Door, for the function app of a second region; null: none."
  value       = local.front_door_id
}

output "front_door_host_name" {
  description = "Host name of Front Door's endpoint, which a domain of your own points at; null: none."
  value       = one(module.edge[*].host_name)
}

output "custom_domain_token" {
  description = "Value of the TXT record _dnsauth of your own domain; null: none."
  value       = one(module.edge[*].custom_domain_token)
}

output "outbound_ip_address" {
  description = "The address that the app's outbound traffic comes from."
  value       = module.network.outbound_ip_address
}

output "background_functions" {
  description = "Functions that nobody calls by HTTP."
  value       = sort(local.background_functions)
}

output "settings" {
  description = "Settings of the program, none of which is a secret."
  value       = local.settings
}

output "controls" {
  description = "What was decided about security and watching, read back from the resources: for tests, and for whoever asks what an environment is like."
  value = {
    network      = module.network.controls
    storage      = module.storage.controls
    key_vault    = module.key_vault.controls
    postgresql   = module.postgresql.controls
    service_bus  = module.service_bus.controls
    cosmos       = module.cosmos.controls
    redis        = one(module.redis[*].controls)
    function_app = module.function_app.controls
    edge         = one(module.edge[*].controls)
    monitoring   = module.monitoring.controls
    tags         = { resource_group = azurerm_resource_group.main.tags, identity = azurerm_user_assigned_identity.app.tags }
  }
}
