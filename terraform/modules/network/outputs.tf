output "virtual_network_id" {
  description = "The network."
  value       = azurerm_virtual_network.main.id
}

output "app_subnet_id" {
  description = "Subnet of the function app's outbound traffic."
  value       = azurerm_subnet.app.id
}

output "endpoints_subnet_id" {
  description = "Subnet of private endpoints."
  value       = azurerm_subnet.endpoints.id
}

output "outbound_ip_address" {
  description = "The address that outbound traffic comes from."
  value       = azurerm_public_ip.outbound.ip_address
}

output "private_endpoint_ids" {
  description = "Private endpoints, by name."
  value       = { for name, endpoint in azurerm_private_endpoint.main : name => endpoint.id }
}

output "controls" {
  description = "What was decided about security, read back from the resources."
  value = {
    private_endpoints = { for name, endpoint in azurerm_private_endpoint.main : name => {
      subresource = endpoint.private_service_connection[0].subresource_names[0]
      subnet_id   = endpoint.subnet_id
      zones       = length(endpoint.private_dns_zone_group[0].private_dns_zone_ids)
    } }
    zones                   = [for zone in azurerm_private_dns_zone.main : zone.name]
    default_outbound_access = azurerm_subnet.app.default_outbound_access_enabled || azurerm_subnet.endpoints.default_outbound_access_enabled
    endpoint_ports          = one([for rule in azurerm_network_security_group.endpoints.security_rule : rule.destination_port_ranges if rule.access == "Allow"])
    tags                    = azurerm_virtual_network.main.tags
  }
}
