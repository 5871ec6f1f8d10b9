output "id" {
  description = "The Front Door profile."
  value       = azurerm_cdn_frontdoor_profile.main.id
}

output "front_door_id" {
  description = "What Front Door says it is, in the header x-azure-fdid."
  value       = azurerm_cdn_frontdoor_profile.main.resource_guid
}

output "host_name" {
  description = "Host name of the endpoint; a domain of your own points at it with a CNAME record."
  value       = azurerm_cdn_frontdoor_endpoint.main.host_name
}

output "custom_domain_token" {
  description = "Value of the TXT record _dnsauth of your own domain; null: none."
  value       = one(azurerm_cdn_frontdoor_custom_domain.main[*].validation_token)
}

output "controls" {
  description = "What was decided about security, read back from the resources."
  value = {
    waf_mode       = azurerm_cdn_frontdoor_firewall_policy.main.mode
    waf_enabled    = azurerm_cdn_frontdoor_firewall_policy.main.enabled
    managed_rules  = { for rule in azurerm_cdn_frontdoor_firewall_policy.main.managed_rule : rule.type => rule.action }
    custom_rules   = [for rule in azurerm_cdn_frontdoor_firewall_policy.main.custom_rule : rule.name]
    guarded        = length(azurerm_cdn_frontdoor_security_policy.main.security_policies[0].firewall[0].association[0].domain)
    https_redirect = azurerm_cdn_frontdoor_route.main.https_redirect_enabled
    forwarding     = azurerm_cdn_frontdoor_route.main.forwarding_protocol
    certificates   = alltrue([for origin in azurerm_cdn_frontdoor_origin.main : origin.certificate_name_check_enabled])
    origins        = { for name, origin in azurerm_cdn_frontdoor_origin.main : name => origin.priority }
    tags           = azurerm_cdn_frontdoor_profile.main.tags
  }
}
