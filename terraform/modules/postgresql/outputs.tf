locals {
  url = "postgres://${var.app_identity_name}@${azurerm_postgresql_flexible_server.main.fqdn}"
}

output "id" {
  description = "The server."
  value       = azurerm_postgresql_flexible_server.main.id
}

output "fqdn" {
  description = "Name of the server."
  value       = azurerm_postgresql_flexible_server.main.fqdn
}

output "database" {
  description = "The database."
  value       = local.database
}

output "url" {
  description = "Address for requests, without a password: through PgBouncer where there is one."
  value       = "${local.url}:${var.server.pgbouncer ? 6432 : 5432}/${local.database}?sslmode=verify-full"
}

output "direct_url" {
  description = "Address of PostgreSQL itself, for migrations and backups, which need a session. Put your own role for the app's."
  value       = "${local.url}:5432/${local.database}?sslmode=verify-full"
}

output "controls" {
  description = "What was decided about security, read back from the resources."
  value = {
    public_network_access   = azurerm_postgresql_flexible_server.main.public_network_access_enabled
    password_authentication = azurerm_postgresql_flexible_server.main.authentication[0].password_auth_enabled
    entra_authentication    = azurerm_postgresql_flexible_server.main.authentication[0].active_directory_auth_enabled
    administrators          = [for who in azurerm_postgresql_flexible_server_active_directory_administrator.main : who.principal_name]
    replication_role        = azurerm_postgresql_flexible_server.main.replication_role
    version                 = azurerm_postgresql_flexible_server.main.version
    high_availability       = one(azurerm_postgresql_flexible_server.main.high_availability[*].mode)
    geo_redundant_backup    = azurerm_postgresql_flexible_server.main.geo_redundant_backup_enabled
    backup_retention_days   = azurerm_postgresql_flexible_server.main.backup_retention_days
    parameters              = { for name, parameter in azurerm_postgresql_flexible_server_configuration.main : name => parameter.value }
    firewall_rules          = [for rule in azurerm_postgresql_flexible_server_firewall_rule.main : "${rule.start_ip_address}-${rule.end_ip_address}"]
    tags                    = azurerm_postgresql_flexible_server.main.tags
  }
}
