output "repository_url" {
  description = "Where to push to."
  value       = azuredevops_git_repository.main.remote_url
}

output "service_connections" {
  description = "Service connections."
  value       = { for name, connection in azuredevops_serviceendpoint_azurerm.main : name => connection.service_endpoint_name }
}

output "pipeline_identities" {
  description = "Object ids of the pipelines' identities, by connection: that of inventory-ENVIRONMENT for deployers, secrets_officers and the group of database administrators."
  value       = { for name, identity in azurerm_user_assigned_identity.pipelines : name => identity.principal_id }
}
