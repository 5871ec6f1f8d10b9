variable "name" {
  description = "What names of resources are made of; unique in Azure."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group."
  type        = string
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
}

variable "app_principal_id" {
  description = "Principal id of the app's identity."
  type        = string
}

variable "producers" {
  description = "Object ids of who sends orders to the queue besides the app."
  type        = set(string)
}

variable "sku" {
  description = "Standard, or Premium, which alone has private endpoints and a firewall."
  type        = string

  validation {
    condition     = contains(["Standard", "Premium"], var.sku)
    error_message = "sku must be Standard or Premium."
  }
}

variable "capacity" {
  description = "Messaging units of a Premium namespace: 1, 2, 4, 8 or 16. 0 for Standard."
  type        = number

  validation {
    condition     = var.sku == "Premium" ? contains([1, 2, 4, 8, 16], var.capacity) : var.capacity == 0
    error_message = "capacity must be 1, 2, 4, 8 or 16 for Premium, and 0 for Standard."
  }
}

variable "queue" {
  description = "The queue of orders. Its lock must outlast ORDERS_RETRY_SECONDS_MAX."
  type = object({
    lock_seconds      = number
    delivery_max      = number
    duplicate_minutes = number
    ttl_days          = number
  })

  validation {
    condition     = var.queue.lock_seconds >= 5 && var.queue.lock_seconds <= 300
    error_message = "queue.lock_seconds must be 5 to 300."
  }
}

variable "subscriptions" {
  description = "Subscriptions of the topic inventory-events: which types of event each gets (an SQL pattern of the event's type), and their readers' object ids."
  type = map(object({
    types   = string
    readers = optional(set(string), [])
  }))

  validation {
    condition     = alltrue([for subscription in var.subscriptions : can(regex("^inventory\\.[a-z.%]*$", subscription.types))])
    error_message = "types must be a pattern of event types, such as inventory.order.%."
  }
}

variable "public_network_access_enabled" {
  description = "Whether a Premium namespace answers outside the network at all; then to allowed_ip_addresses alone. A Standard one always does."
  type        = bool
}

variable "allowed_ip_addresses" {
  description = "Public IPv4 addresses and ranges that may reach a Premium namespace."
  type        = list(string)
}
