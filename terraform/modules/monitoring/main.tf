resource "azurerm_log_analytics_workspace" "main" {
  name                         = "log-${var.name}"
  resource_group_name          = var.resource_group.name
  location                     = var.location
  sku                          = "PerGB2018"
  retention_in_days            = var.retention_days
  daily_quota_gb               = var.daily_gb_max
  local_authentication_enabled = false
  tags                         = var.tags
}

resource "azurerm_application_insights" "main" {
  name                 = "appi-${var.name}"
  resource_group_name  = var.resource_group.name
  location             = var.location
  workspace_id         = azurerm_log_analytics_workspace.main.id
  application_type     = "other"
  retention_in_days    = var.retention_days
  daily_data_cap_in_gb = var.daily_gb_max
  ip_masking_enabled   = true
  # The program's exporter knows the instrumentation key only (docs/adr/0013). The key lets its holder send telemetry, and read none.
  local_authentication_enabled = true
  tags                         = var.tags
}

resource "azurerm_monitor_diagnostic_setting" "main" {
  for_each = var.diagnostics

  name                       = "to-log-analytics"
  target_resource_id         = each.value.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.main.id

  dynamic "enabled_log" {
    for_each = each.value.logs ? ["allLogs"] : []

    content {
      category_group = enabled_log.value
    }
  }

  enabled_metric {
    category = "AllMetrics"
  }
}

resource "azurerm_monitor_action_group" "main" {
  name                = "ag-${var.name}"
  resource_group_name = var.resource_group.name
  short_name          = substr("inv-${var.environment}", 0, 12)
  tags                = var.tags

  dynamic "email_receiver" {
    for_each = var.alert_emails

    content {
      name                    = email_receiver.value
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }

  dynamic "webhook_receiver" {
    for_each = var.alert_webhooks

    content {
      name                    = webhook_receiver.key
      service_uri             = webhook_receiver.value
      use_common_alert_schema = true
    }
  }
}

# Asks from outside, as a client would.
resource "azurerm_application_insights_standard_web_test" "ready" {
  name                    = "webtest-${var.name}"
  resource_group_name     = var.resource_group.name
  location                = var.location
  application_insights_id = azurerm_application_insights.main.id
  description             = "Whether the API can work: /ready."
  enabled                 = true
  frequency               = 300
  timeout                 = 30
  retry_enabled           = true
  # Five places, so that there is an answer about each minute: Western and Northern Europe, Southern UK, France, Eastern US.
  geo_locations = ["emea-nl-ams-azr", "emea-gb-db3-azr", "emea-ru-msa-edge", "emea-fr-pra-edge", "us-va-ash-azr"]
  tags          = merge(var.tags, { "hidden-link:${azurerm_application_insights.main.id}" = "Resource" })

  request {
    url                              = "${var.function_app.probe_url}/ready"
    http_verb                        = "GET"
    follow_redirects_enabled         = false
    parse_dependent_requests_enabled = false
  }

  validation_rules {
    expected_status_code        = 200
    ssl_check_enabled           = true
    ssl_cert_remaining_lifetime = 14
  }
}

resource "azurerm_consumption_budget_resource_group" "main" {
  name              = "budget-${var.name}"
  resource_group_id = var.resource_group.id
  amount            = var.budget.amount
  time_grain        = "Monthly"

  time_period {
    start_date = var.budget.start_date
  }

  dynamic "notification" {
    for_each = [{ threshold = 80, type = "Actual" }, { threshold = 100, type = "Actual" }, { threshold = 100, type = "Forecasted" }]

    content {
      enabled        = true
      operator       = "GreaterThanOrEqualTo"
      threshold      = notification.value.threshold
      threshold_type = notification.value.type
      contact_groups = [azurerm_monitor_action_group.main.id]
    }
  }
}
