locals {
  # What an operator looks at first, in the workbook and in the dashboard.
  charts = [
    {
      title         = "Requests and failures"
      visualization = "timechart"
      query         = "${local.requests} | summarize requests = sum(itemCount), failed = sumif(itemCount, toint(resultCode) >= 500) by bin(timestamp, 5m)"
    },
    {
      title         = "Time of requests (ms)"
      visualization = "timechart"
      query         = "${local.requests} | summarize p50 = percentile(duration, 50), p95 = percentile(duration, 95), p99 = percentile(duration, 99) by bin(timestamp, 5m)"
    },
    {
      title         = "Slowest operations"
      visualization = "table"
      query         = "${local.requests} | summarize requests = sum(itemCount), p95 = percentile(duration, 95) by operation_Name | top 20 by p95"
    },
    {
      title         = "Orders by outcome"
      visualization = "timechart"
      query         = "customMetrics | where name == 'inventory_orders_total' | summarize orders = sum(value) by bin(timestamp, 5m), outcome = tostring(customDimensions.outcome)"
    },
    {
      title         = "Outbox: oldest event (s)"
      visualization = "timechart"
      query         = "customMetrics | where name == 'inventory_outbox_oldest_age_seconds' | summarize age = max(value) by bin(timestamp, 5m), destination = tostring(customDimensions.destination)"
    },
    {
      title         = "Parked messages"
      visualization = "timechart"
      query         = "customMetrics | where name == 'inventory_parked_messages' | summarize parked = max(value) by bin(timestamp, 5m)"
    },
    {
      title         = "Database connections"
      visualization = "timechart"
      query         = "customMetrics | where name == 'inventory_database_connections' | summarize connections = avg(value) by bin(timestamp, 5m), state = tostring(customDimensions.state), cloud_RoleInstance | summarize connections = sum(connections) by timestamp, state"
    },
    {
      title         = "Exceptions"
      visualization = "table"
      query         = "exceptions | summarize count = sum(itemCount), last = max(timestamp) by problemId, outerMessage | top 20 by count"
    },
  ]
}

resource "azurerm_application_insights_workbook" "main" {
  # A workbook's name is a GUID; this one stays the same.
  name                = uuidv5("url", "https://inventory/${var.name}/workbook")
  resource_group_name = var.resource_group.name
  location            = var.location
  display_name        = "Inventory (${var.environment})"
  description         = "Requests, orders, outbox and database of the inventory."
  category            = "workbook"
  source_id           = lower(azurerm_application_insights.main.id)
  tags                = var.tags

  data_json = jsonencode({
    version             = "Notebook/1.0"
    fallbackResourceIds = [azurerm_application_insights.main.id]
    "$schema"           = "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json"
    items = concat(
      [
        {
          type    = 1
          name    = "about"
          content = { json = "## Inventory, ${var.environment}\nWhat to do about an alert: [runbooks](${var.runbooks_url})" }
        },
        {
          type = 9
          name = "range"
          content = {
            version = "KqlParameterItem/1.0"
            style   = "pills"
            parameters = [{
              id           = uuidv5("url", "https://inventory/${var.name}/workbook/range")
              version      = "KqlParameterItem/1.0"
              name         = "range"
              label        = "Time"
              type         = 4
              isRequired   = true
              value        = { durationMs = 14400000 }
              typeSettings = { selectableValues = [for milliseconds in [3600000, 14400000, 86400000, 604800000] : { durationMs = milliseconds }], allowCustom = true }
            }]
          }
        },
      ],
      [for index, chart in local.charts : {
        type = 3
        name = "chart-${index}"
        content = {
          version                  = "KqlItem/1.0"
          title                    = chart.title
          query                    = chart.query
          queryType                = 0
          resourceType             = "microsoft.insights/components"
          crossComponentResources  = [azurerm_application_insights.main.id]
          timeContextFromParameter = "range"
          visualization            = chart.visualization
          size                     = 0
        }
        customWidth = "50"
      }],
    )
  })
}

resource "azurerm_portal_dashboard" "main" {
  name                = "dash-${var.name}"
  resource_group_name = var.resource_group.name
  location            = var.location
  tags                = merge(var.tags, { "hidden-title" = "Inventory (${var.environment})" })

  dashboard_properties = jsonencode({
    lenses = {
      "0" = {
        order = 0
        parts = { for index, chart in local.charts : tostring(index) => {
          position = { x = (index % 2) * 8, y = floor(index / 2) * 5, colSpan = 8, rowSpan = 5 }
          metadata = {
            type = "Extension/Microsoft_OperationsManagementSuite_Workspace/PartType/LogsDashboardPart"
            inputs = [
              { name = "resourceTypeMode", isOptional = true },
              { name = "ComponentId", isOptional = true },
              { name = "Scope", value = { resourceIds = [azurerm_application_insights.main.id] }, isOptional = true },
              { name = "PartId", value = uuidv5("url", "https://inventory/${var.name}/dashboard/${index}"), isOptional = true },
              { name = "Version", value = "2.0", isOptional = true },
              { name = "TimeRange", value = "PT4H", isOptional = true },
              { name = "Query", value = "${chart.query}${chart.visualization == "timechart" ? " | render timechart" : ""}", isOptional = true },
              { name = "PartTitle", value = chart.title, isOptional = true },
              { name = "PartSubTitle", value = var.name, isOptional = true },
              { name = "ControlType", value = chart.visualization == "timechart" ? "FrameControlChart" : "AnalyticsGrid", isOptional = true },
            ]
            settings = {}
          }
        } }
      }
    }
    metadata = { model = {} }
  })
}
