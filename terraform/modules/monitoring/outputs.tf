output "workspace_id" {
  description = "The Log Analytics workspace."
  value       = azurerm_log_analytics_workspace.main.id
}

output "application_insights_id" {
  description = "Application Insights."
  value       = azurerm_application_insights.main.id
}

output "connection_string" {
  description = "Connection string of Application Insights, which has its instrumentation key."
  value       = azurerm_application_insights.main.connection_string
  sensitive   = true
}

output "action_group_id" {
  description = "Who is told of alerts."
  value       = azurerm_monitor_action_group.main.id
}

output "controls" {
  description = "What was decided about watching, read back from the resources."
  value = {
    alerts = merge(
      { for name, alert in azurerm_monitor_scheduled_query_rules_alert_v2.main : name => {
        threshold   = alert.criteria[0].threshold
        operator    = alert.criteria[0].operator
        window      = alert.window_duration
        severity    = alert.severity
        enabled     = alert.enabled
        description = alert.description
        actions     = length(alert.action[0].action_groups)
        query       = alert.criteria[0].query
      } },
      { for name, alert in azurerm_monitor_metric_alert.main : name => {
        threshold   = alert.criteria[0].threshold
        operator    = alert.criteria[0].operator
        window      = alert.window_size
        severity    = alert.severity
        enabled     = alert.enabled
        description = alert.description
        actions     = length(alert.action)
        query       = "${alert.criteria[0].metric_namespace} ${alert.criteria[0].metric_name}"
      } },
    )
    budget = {
      amount     = azurerm_consumption_budget_resource_group.main.amount
      thresholds = [for notification in azurerm_consumption_budget_resource_group.main.notification : "${notification.threshold_type} ${notification.threshold}"]
    }
    receivers   = length(azurerm_monitor_action_group.main.email_receiver) + length(azurerm_monitor_action_group.main.webhook_receiver)
    diagnostics = { for name, setting in azurerm_monitor_diagnostic_setting.main : name => setting.log_analytics_workspace_id }
    probe       = azurerm_application_insights_standard_web_test.ready.request[0].url
    workbook    = jsondecode(azurerm_application_insights_workbook.main.data_json).version
    dashboard   = length(jsondecode(azurerm_portal_dashboard.main.dashboard_properties).lenses["0"].parts)
    retention   = azurerm_log_analytics_workspace.main.retention_in_days
    ip_masking  = azurerm_application_insights.main.ip_masking_enabled
    tags        = azurerm_application_insights.main.tags
  }
}
