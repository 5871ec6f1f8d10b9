output "id" {
  description = "The namespace."
  value       = azurerm_servicebus_namespace.main.id
}

output "host_name" {
  description = "Name of the namespace."
  value       = "${azurerm_servicebus_namespace.main.name}.servicebus.windows.net"
}

output "queue_name" {
  description = "Queue of orders."
  value       = azurerm_servicebus_queue.orders.name
}

output "topic_name" {
  description = "Topic of events."
  value       = azurerm_servicebus_topic.events.name
}

output "controls" {
  description = "What was decided about security, read back from the resources."
  value = {
    sku                   = azurerm_servicebus_namespace.main.sku
    public_network_access = azurerm_servicebus_namespace.main.public_network_access_enabled
    default_action        = one(azurerm_servicebus_namespace.main.network_rule_set[*].default_action)
    local_authentication  = azurerm_servicebus_namespace.main.local_auth_enabled
    min_tls_version       = azurerm_servicebus_namespace.main.minimum_tls_version
    tags                  = azurerm_servicebus_namespace.main.tags
    queue = {
      name                = azurerm_servicebus_queue.orders.name
      sessions            = azurerm_servicebus_queue.orders.requires_session
      duplicate_detection = azurerm_servicebus_queue.orders.requires_duplicate_detection
      lock_duration       = azurerm_servicebus_queue.orders.lock_duration
      delivery_max        = azurerm_servicebus_queue.orders.max_delivery_count
      dead_letters        = azurerm_servicebus_queue.orders.dead_lettering_on_message_expiration
    }
    topic = {
      name                = azurerm_servicebus_topic.events.name
      duplicate_detection = azurerm_servicebus_topic.events.requires_duplicate_detection
    }
    filters = { for name, rule in azurerm_servicebus_subscription_rule.main : name => rule.sql_filter }
    roles = concat(
      [for role in [azurerm_role_assignment.receive_orders, azurerm_role_assignment.send_orders, azurerm_role_assignment.send_events] :
      { role = role.role_definition_name, scope = role.scope, principal_id = role.principal_id }],
      [for role in merge(azurerm_role_assignment.producers, azurerm_role_assignment.readers) :
      { role = role.role_definition_name, scope = role.scope, principal_id = role.principal_id }],
    )
  }
}
