locals {
  app = local.is_flex ? one([for app in azurerm_function_app_flex_consumption.main : {
    id        = app.id
    name      = app.name
    host_name = app.default_hostname
    }]) : one([for app in azurerm_linux_function_app.main : {
    id        = app.id
    name      = app.name
    host_name = app.default_hostname
  }])

  # The app and its slots: of several types, and alike in what matters here.
  sites = merge(
    { for app in azurerm_function_app_flex_consumption.main : "production" => app },
    { for app in azurerm_linux_function_app.main : "production" => app },
    { for name, slot in azurerm_linux_function_app_slot.main : name => slot },
  )
  # The real provider calls all settings sensitive; which there are is not.
  setting_names = { for name, app in local.sites : name => sort(keys(try(nonsensitive(app.app_settings), app.app_settings))) }
}

output "id" {
  description = "The function app."
  value       = local.app.id
}

output "name" {
  description = "Name of the function app."
  value       = local.app.name
}

output "host_name" {
  description = "Host name of the function app."
  value       = local.app.host_name
}

output "plan_id" {
  description = "The plan."
  value       = azurerm_service_plan.main.id
}

output "slots" {
  description = "Host names of the slots besides production."
  value       = { for name, slot in azurerm_linux_function_app_slot.main : name => slot.default_hostname }
}

output "controls" {
  description = "What was decided about security, read back from the resources."
  value = {
    plan = azurerm_service_plan.main.sku_name
    runtime = local.is_flex ? azurerm_function_app_flex_consumption.main[0].runtime_name : (
    azurerm_linux_function_app.main[0].site_config[0].application_stack[0].use_custom_runtime ? "custom" : "")
    sites = { for name, app in local.sites : name => {
      https_only           = app.https_only
      min_tls_version      = app.site_config[0].minimum_tls_version
      scm_min_tls_version  = app.site_config[0].scm_minimum_tls_version
      basic_authentication = app.webdeploy_publish_basic_authentication_enabled || try(app.ftp_publish_basic_authentication_enabled, false)
      identity             = app.identity[0].type
      identity_ids         = tolist(app.identity[0].identity_ids)
      storage_by_identity  = try(app.storage_uses_managed_identity && app.content_share_force_disabled, app.storage_authentication_type == "UserAssignedIdentity", false)
      subnet_id            = app.virtual_network_subnet_id
      route_all            = app.site_config[0].vnet_route_all_enabled
      default_action       = app.site_config[0].ip_restriction_default_action
      restrictions = [for rule in app.site_config[0].ip_restriction :
      { name = rule.name, service_tag = rule.service_tag, ip_address = rule.ip_address, front_door_ids = try(tolist(rule.headers[0].x_azure_fdid), []) }]
      cors_origins       = tolist(app.site_config[0].cors[0].allowed_origins)
      cors_credentials   = app.site_config[0].cors[0].support_credentials
      settings           = local.setting_names[name]
      disabled_functions = [for setting in local.setting_names[name] : split(".", setting)[1] if endswith(setting, ".Disabled")]
      tags               = app.tags
    } }
    sticky_settings = flatten([for app in azurerm_linux_function_app.main : app.sticky_settings[0].app_setting_names])
  }
}
