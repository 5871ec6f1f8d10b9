locals {
  # The host's own requests, of the app and not of its slots; by HTTP. The program records the same requests under another role.
  requests = "requests | where cloud_RoleName =~ '${var.function_app.name}' and isnotempty(url)"

  # Rules over telemetry. `column` is compared with `threshold` in a window; `periods` such windows in a row must be over it.
  query_alerts = {
    error-rate = {
      severity  = 1
      about     = "More than 5 % of requests failed (5xx) for five minutes."
      column    = "percent_failed"
      threshold = 5
      window    = "PT5M"
      frequency = "PT1M"
      # Of a handful of requests one that fails says nothing.
      query = <<-KQL
        ${local.requests}
        | summarize failed = sumif(itemCount, toint(resultCode) >= 500), total = sum(itemCount)
        | where total >= 20
        | project percent_failed = 100.0 * failed / total
      KQL
    }
    slow-requests = {
      severity  = 2
      about     = "One request in twenty took longer than two seconds (p95) for ten minutes."
      column    = "p95_milliseconds"
      threshold = 2000
      window    = "PT10M"
      frequency = "PT5M"
      query     = <<-KQL
        ${local.requests}
        | summarize p95_milliseconds = percentilew(duration, itemCount, 95), total = sum(itemCount)
        | where total >= 20
        | project p95_milliseconds
      KQL
    }
    parked-messages = {
      severity  = 3
      about     = "Messages that could not be decided are parked."
      column    = "parked"
      threshold = 0
      window    = "PT15M"
      frequency = "PT5M"
      query     = <<-KQL
        customMetrics
        | where name == 'inventory_parked_messages'
        | summarize arg_max(timestamp, value)
        | project parked = value
      KQL
    }
    outbox-age = {
      severity  = 2
      about     = "An event has been waiting to be sent for more than five minutes."
      column    = "age_seconds"
      threshold = 300
      window    = "PT10M"
      frequency = "PT5M"
      query     = <<-KQL
        customMetrics
        | where name == 'inventory_outbox_oldest_age_seconds'
        | extend destination = tostring(customDimensions.destination)
        | summarize arg_max(timestamp, value) by destination
        | summarize age_seconds = max(value)
      KQL
    }
    pool-exhaustion = {
      severity  = 2
      about     = "An instance had nine in ten of its database connections in use for ten minutes."
      column    = "percent_used"
      threshold = 90
      window    = "PT10M"
      frequency = "PT5M"
      query     = <<-KQL
        customMetrics
        | where name == 'inventory_database_connections'
        | extend state = tostring(customDimensions.state)
        | summarize used = avgif(value, state == 'used'), largest = maxif(value, state == 'max') by cloud_RoleInstance
        | where largest > 0
        | summarize percent_used = max(100.0 * used / largest)
      KQL
    }
  }

  # Rules over the platform's metrics.
  metric_alerts = {
    availability = {
      severity    = 0
      about       = "Fewer than 99.9 % of the calls from outside were answered well for a minute."
      scope       = azurerm_application_insights.main.id
      namespace   = "microsoft.insights/components"
      metric      = "availabilityResults/availabilityPercentage"
      aggregation = "Average"
      operator    = "LessThan"
      threshold   = 99.9
      window      = "PT1M"
      frequency   = "PT1M"
      dimension   = null
    }
    dead-letters = {
      severity    = 2
      about       = "Service Bus gave messages up: they are in a dead-letter queue."
      scope       = var.service_bus_id
      namespace   = "Microsoft.ServiceBus/namespaces"
      metric      = "DeadletteredMessages"
      aggregation = "Maximum"
      operator    = "GreaterThan"
      threshold   = 0
      window      = "PT5M"
      frequency   = "PT1M"
      dimension   = "EntityName"
    }
    low-disk = {
      severity    = 1
      about       = "The database's disk is more than 80 % full."
      scope       = var.postgresql_id
      namespace   = "Microsoft.DBforPostgreSQL/flexibleServers"
      metric      = "storage_percent"
      aggregation = "Average"
      operator    = "GreaterThan"
      threshold   = 80
      window      = "PT15M"
      frequency   = "PT5M"
      dimension   = null
    }
    unhealthy-instance = {
      severity    = 2
      about       = "An instance of the app has not answered /live for five minutes."
      scope       = var.function_app.id
      namespace   = "Microsoft.Web/sites"
      metric      = "HealthCheckStatus"
      aggregation = "Average"
      operator    = "LessThan"
      threshold   = 100
      window      = "PT5M"
      frequency   = "PT1M"
      dimension   = null
    }
  }

  descriptions = { for name, alert in merge(
    { for name, alert in local.query_alerts : name => alert.about },
    { for name, alert in local.metric_alerts : name => alert.about },
  ) : name => "${alert} What to do: ${var.runbooks_url}/${name}.md" }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "main" {
  for_each = local.query_alerts

  name                    = "alert-${var.name}-${each.key}"
  display_name            = "${each.key} (${var.environment})"
  description             = local.descriptions[each.key]
  resource_group_name     = var.resource_group.name
  location                = var.location
  scopes                  = [azurerm_application_insights.main.id]
  severity                = each.value.severity
  enabled                 = true
  evaluation_frequency    = each.value.frequency
  window_duration         = each.value.window
  auto_mitigation_enabled = true
  # There is nothing to query before the first telemetry.
  skip_query_validation = true
  tags                  = var.tags

  criteria {
    query                   = each.value.query
    metric_measure_column   = each.value.column
    time_aggregation_method = "Maximum"
    operator                = "GreaterThan"
    threshold               = each.value.threshold

    failing_periods {
      number_of_evaluation_periods             = 1
      minimum_failing_periods_to_trigger_alert = 1
    }
  }

  action {
    action_groups = [azurerm_monitor_action_group.main.id]
    custom_properties = {
      runbook     = "${var.runbooks_url}/${each.key}.md"
      environment = var.environment
    }
  }
}

resource "azurerm_monitor_metric_alert" "main" {
  for_each = local.metric_alerts

  name                = "alert-${var.name}-${each.key}"
  description         = local.descriptions[each.key]
  resource_group_name = var.resource_group.name
  scopes              = [each.value.scope]
  severity            = each.value.severity
  enabled             = true
  auto_mitigate       = true
  frequency           = each.value.frequency
  window_size         = each.value.window
  tags                = var.tags

  criteria {
    metric_namespace       = each.value.namespace
    metric_name            = each.value.metric
    aggregation            = each.value.aggregation
    operator               = each.value.operator
    threshold              = each.value.threshold
    skip_metric_validation = true

    dynamic "dimension" {
      for_each = each.value.dimension[*]

      content {
        name     = dimension.value
        operator = "Include"
        values   = ["*"]
      }
    }
  }

  action {
    action_group_id = azurerm_monitor_action_group.main.id
    webhook_properties = {
      runbook     = "${var.runbooks_url}/${each.key}.md"
      environment = var.environment
    }
  }
}
