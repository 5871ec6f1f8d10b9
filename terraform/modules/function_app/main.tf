locals {
  is_flex = var.hosting == "flex"

  # The Functions host's own storage, opened by the app's identity.
  # https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
  host_settings = {
    "AzureWebJobsStorage__accountName" = var.host_storage.account_name
    "AzureWebJobsStorage__credential"  = "managedidentity"
    "AzureWebJobsStorage__clientId"    = var.identity.client_id
  }

  disabled       = { for name in var.disabled_functions : "AzureWebJobs.${name}.Disabled" => "true" }
  slot_disabled  = { for name in var.background_functions : "AzureWebJobs.${name}.Disabled" => "true" }
  sticky_setting = sort(keys(local.slot_disabled))

  settings = merge(var.settings, local.host_settings, local.disabled)

  # Without Azure Files, which want a key, the package is run from where the pipeline has put it.
  # https://learn.microsoft.com/azure/azure-functions/run-functions-from-deployment-package
  package_settings = {
    "WEBSITE_RUN_FROM_PACKAGE"                     = "${var.host_storage.container_url}/inventory.zip"
    "WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID" = var.identity.id
  }

  health_check_path = "/live"

  # Front Door comes from its service tag, which other people's Front Doors share, and with its id in a header.
  # https://learn.microsoft.com/azure/app-service/app-service-ip-restrictions#restrict-access-to-a-specific-azure-front-door-instance
  restrictions = concat(
    [for id in [var.access.front_door_id] : {
      name        = "front-door"
      priority    = 100
      service_tag = "AzureFrontDoor.Backend"
      ip_address  = null
      fdid        = [id]
    } if var.access.front_door],
    [for index, address in var.access.ip_addresses : {
      name        = "address-${index}"
      priority    = 200 + index
      service_tag = null
      ip_address  = strcontains(address, "/") ? address : "${address}/32"
      fdid        = null
    }],
    # The availability test, where it does not come by Front Door.
    local.is_restricted && !var.access.front_door ? [{
      name        = "availability-test"
      priority    = 300
      service_tag = "ApplicationInsightsAvailability"
      ip_address  = null
      fdid        = null
    }] : [],
  )
  is_restricted  = var.access.front_door || length(var.access.ip_addresses) > 0
  default_action = local.is_restricted ? "Deny" : "Allow"
}

resource "azurerm_service_plan" "main" {
  name                = "asp-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  os_type             = "Linux"
  sku_name            = local.is_flex ? "FC1" : var.elastic_premium.sku
  tags                = var.tags

  worker_count                 = local.is_flex ? null : var.elastic_premium.instances_min
  maximum_elastic_worker_count = local.is_flex ? null : var.elastic_premium.instances_max
  zone_balancing_enabled       = local.is_flex ? null : var.elastic_premium.zone_redundant
}

resource "azurerm_function_app_flex_consumption" "main" {
  count = local.is_flex ? 1 : 0

  name                = "func-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  service_plan_id     = azurerm_service_plan.main.id
  tags                = var.tags

  runtime_name    = "custom"
  runtime_version = "1.0"

  instance_memory_in_mb  = var.flex.instance_memory_mb
  maximum_instance_count = var.flex.instances_max

  storage_container_type            = "blobContainer"
  storage_container_endpoint        = var.host_storage.container_url
  storage_authentication_type       = "UserAssignedIdentity"
  storage_user_assigned_identity_id = var.identity.id

  https_only                                     = true
  public_network_access_enabled                  = true
  virtual_network_subnet_id                      = var.subnet_id
  webdeploy_publish_basic_authentication_enabled = false

  # The provider writes a connection string without a key here unless something stands in its place; it does not read the
  # value back, so a plan says each time that it sets it (hashicorp/terraform-provider-azurerm #29693).
  app_settings = merge(local.settings, { "AzureWebJobsStorage" = "" })

  identity {
    type         = "UserAssigned"
    identity_ids = [var.identity.id]
  }

  site_config {
    application_insights_connection_string = var.application_insights.connection_string
    minimum_tls_version                    = "1.2"
    scm_minimum_tls_version                = "1.2"
    http2_enabled                          = true
    vnet_route_all_enabled                 = true
    health_check_path                      = local.health_check_path
    health_check_eviction_time_in_min      = 5
    ip_restriction_default_action          = local.default_action
    scm_use_main_ip_restriction            = false
    scm_ip_restriction_default_action      = "Allow"

    cors {
      allowed_origins     = var.cors_origins
      support_credentials = false
    }

    dynamic "ip_restriction" {
      for_each = local.restrictions

      content {
        name        = ip_restriction.value.name
        priority    = ip_restriction.value.priority
        action      = "Allow"
        service_tag = ip_restriction.value.service_tag
        ip_address  = ip_restriction.value.ip_address

        dynamic "headers" {
          for_each = ip_restriction.value.fdid == null ? [] : [ip_restriction.value.fdid]

          content {
            x_azure_fdid = headers.value
          }
        }
      }
    }
  }

  dynamic "always_ready" {
    for_each = var.flex.always_ready

    content {
      name           = always_ready.key
      instance_count = always_ready.value
    }
  }
}

resource "azurerm_linux_function_app" "main" {
  count = local.is_flex ? 0 : 1

  name                = "func-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  service_plan_id     = azurerm_service_plan.main.id
  tags                = var.tags

  functions_extension_version   = "~4"
  storage_account_name          = var.host_storage.account_name
  storage_uses_managed_identity = true
  content_share_force_disabled  = true
  builtin_logging_enabled       = false

  https_only                                     = true
  public_network_access_enabled                  = true
  virtual_network_subnet_id                      = var.subnet_id
  ftp_publish_basic_authentication_enabled       = false
  webdeploy_publish_basic_authentication_enabled = false

  app_settings = merge(local.settings, local.package_settings)

  identity {
    type         = "UserAssigned"
    identity_ids = [var.identity.id]
  }

  sticky_settings {
    app_setting_names = local.sticky_setting
  }

  site_config {
    application_insights_connection_string = var.application_insights.connection_string
    always_on                              = false
    ftps_state                             = "Disabled"
    minimum_tls_version                    = "1.2"
    scm_minimum_tls_version                = "1.2"
    http2_enabled                          = true
    vnet_route_all_enabled                 = true
    elastic_instance_minimum               = var.elastic_premium.instances_min
    app_scale_limit                        = var.elastic_premium.instances_max
    pre_warmed_instance_count              = 1
    # The platform's scaler does not reach private endpoints; the host's does.
    runtime_scale_monitoring_enabled  = true
    health_check_path                 = local.health_check_path
    health_check_eviction_time_in_min = 5
    ip_restriction_default_action     = local.default_action
    scm_use_main_ip_restriction       = false
    # Nobody deploys through it.
    scm_ip_restriction_default_action = "Deny"

    application_stack {
      use_custom_runtime = true
    }

    cors {
      allowed_origins     = var.cors_origins
      support_credentials = false
    }

    dynamic "ip_restriction" {
      for_each = local.restrictions

      content {
        name        = ip_restriction.value.name
        priority    = ip_restriction.value.priority
        action      = "Allow"
        service_tag = ip_restriction.value.service_tag
        ip_address  = ip_restriction.value.ip_address

        dynamic "headers" {
          for_each = ip_restriction.value.fdid == null ? [] : [ip_restriction.value.fdid]

          content {
            x_azure_fdid = headers.value
          }
        }
      }
    }
  }

  lifecycle {
    # Which package runs is the pipeline's; a swap exchanges it.
    ignore_changes = [app_settings["WEBSITE_RUN_FROM_PACKAGE"]]
  }
}

resource "azurerm_linux_function_app_slot" "main" {
  for_each = local.is_flex ? [] : var.elastic_premium.slots

  name            = each.value
  function_app_id = azurerm_linux_function_app.main[0].id
  tags            = var.tags

  functions_extension_version   = "~4"
  storage_account_name          = var.host_storage.account_name
  storage_uses_managed_identity = true
  content_share_force_disabled  = true
  builtin_logging_enabled       = false

  https_only                                     = true
  public_network_access_enabled                  = true
  virtual_network_subnet_id                      = var.subnet_id
  ftp_publish_basic_authentication_enabled       = false
  webdeploy_publish_basic_authentication_enabled = false

  # Sticky (above): they stay with the slot when it is swapped.
  app_settings = merge(local.settings, local.package_settings, local.slot_disabled)

  identity {
    type         = "UserAssigned"
    identity_ids = [var.identity.id]
  }

  site_config {
    application_insights_connection_string = var.application_insights.connection_string
    always_on                              = false
    ftps_state                             = "Disabled"
    minimum_tls_version                    = "1.2"
    scm_minimum_tls_version                = "1.2"
    http2_enabled                          = true
    vnet_route_all_enabled                 = true
    elastic_instance_minimum               = 1
    app_scale_limit                        = var.elastic_premium.instances_max
    pre_warmed_instance_count              = 1
    runtime_scale_monitoring_enabled       = true
    health_check_path                      = local.health_check_path
    health_check_eviction_time_in_min      = 5
    ip_restriction_default_action          = local.default_action
    scm_use_main_ip_restriction            = false
    scm_ip_restriction_default_action      = "Deny"

    application_stack {
      use_custom_runtime = true
    }

    cors {
      allowed_origins     = var.cors_origins
      support_credentials = false
    }

    dynamic "ip_restriction" {
      for_each = local.restrictions

      content {
        name        = ip_restriction.value.name
        priority    = ip_restriction.value.priority
        action      = "Allow"
        service_tag = ip_restriction.value.service_tag
        ip_address  = ip_restriction.value.ip_address

        dynamic "headers" {
          for_each = ip_restriction.value.fdid == null ? [] : [ip_restriction.value.fdid]

          content {
            x_azure_fdid = headers.value
          }
        }
      }
    }
  }

  lifecycle {
    ignore_changes = [app_settings["WEBSITE_RUN_FROM_PACKAGE"]]
  }
}
