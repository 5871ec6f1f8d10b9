locals {
  is_premium = var.sku == "Premium"

  readers = merge([for name, subscription in var.subscriptions : {
    for reader in subscription.readers : "${name}-${reader}" => { subscription = name, principal_id = reader }
  }]...)
}

resource "azurerm_servicebus_namespace" "main" {
  name                = "sbns-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  sku                 = var.sku
  tags                = var.tags

  capacity                     = var.capacity
  premium_messaging_partitions = local.is_premium ? 1 : 0

  # Tokens of Entra ID only: no shared access signatures.
  local_auth_enabled            = false
  minimum_tls_version           = "1.2"
  public_network_access_enabled = local.is_premium ? var.public_network_access_enabled : true

  dynamic "network_rule_set" {
    for_each = local.is_premium ? [true] : []

    content {
      default_action                = "Deny"
      public_network_access_enabled = var.public_network_access_enabled
      trusted_services_allowed      = false
      ip_rules                      = var.public_network_access_enabled ? var.allowed_ip_addresses : []
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_servicebus_queue" "orders" {
  name         = "orders"
  namespace_id = azurerm_servicebus_namespace.main.id

  requires_session                        = false
  requires_duplicate_detection            = true
  duplicate_detection_history_time_window = "PT${var.queue.duplicate_minutes}M"
  lock_duration                           = var.queue.lock_seconds % 60 == 0 ? "PT${var.queue.lock_seconds / 60}M" : "PT${var.queue.lock_seconds}S"
  max_delivery_count                      = var.queue.delivery_max
  dead_lettering_on_message_expiration    = true
  default_message_ttl                     = "P${var.queue.ttl_days}D"
  max_size_in_megabytes                   = local.is_premium ? 81920 : 5120
  partitioning_enabled                    = false
  express_enabled                         = false
}

resource "azurerm_servicebus_topic" "events" {
  name         = "inventory-events"
  namespace_id = azurerm_servicebus_namespace.main.id

  requires_duplicate_detection            = true
  duplicate_detection_history_time_window = "PT${var.queue.duplicate_minutes}M"
  support_ordering                        = true
  default_message_ttl                     = "P${var.queue.ttl_days}D"
  max_size_in_megabytes                   = local.is_premium ? 81920 : 5120
  partitioning_enabled                    = false
  express_enabled                         = false
}

resource "azurerm_servicebus_subscription" "main" {
  for_each = var.subscriptions

  name     = each.key
  topic_id = azurerm_servicebus_topic.events.id

  # Events of one subject come in order: their session is the subject.
  requires_session                          = true
  lock_duration                             = "PT1M"
  max_delivery_count                        = var.queue.delivery_max
  dead_lettering_on_message_expiration      = true
  dead_lettering_on_filter_evaluation_error = true
}

# With a rule of one's own, Service Bus removes the one that lets everything through.
resource "azurerm_servicebus_subscription_rule" "main" {
  for_each = var.subscriptions

  name            = "types"
  subscription_id = azurerm_servicebus_subscription.main[each.key].id
  filter_type     = "SqlFilter"
  # A message's label is its event's type.
  sql_filter = "sys.Label LIKE '${each.value.types}'"
}

resource "azurerm_role_assignment" "receive_orders" {
  scope                = azurerm_servicebus_queue.orders.id
  role_definition_name = "Azure Service Bus Data Receiver"
  principal_id         = var.app_principal_id
  principal_type       = "ServicePrincipal"
  description          = "The triggers of orders and of their dead letters."
}

resource "azurerm_role_assignment" "send_orders" {
  scope                = azurerm_servicebus_queue.orders.id
  role_definition_name = "Azure Service Bus Data Sender"
  principal_id         = var.app_principal_id
  principal_type       = "ServicePrincipal"
  description          = "The relay hands placed orders to the queue."
}

resource "azurerm_role_assignment" "send_events" {
  scope                = azurerm_servicebus_topic.events.id
  role_definition_name = "Azure Service Bus Data Sender"
  principal_id         = var.app_principal_id
  principal_type       = "ServicePrincipal"
  description          = "The relay hands events to the topic."
}

resource "azurerm_role_assignment" "producers" {
  for_each = var.producers

  scope                = azurerm_servicebus_queue.orders.id
  role_definition_name = "Azure Service Bus Data Sender"
  principal_id         = each.value
  description          = "Sends orders."
}

resource "azurerm_role_assignment" "readers" {
  for_each = local.readers

  scope                = azurerm_servicebus_subscription.main[each.value.subscription].id
  role_definition_name = "Azure Service Bus Data Receiver"
  principal_id         = each.value.principal_id
  description          = "Reads events."
}
