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

variable "tenant_id" {
  description = "Entra tenant."
  type        = string
}

variable "app_identity_name" {
  description = "Name of the app's identity, which is its role in the database too."
  type        = string
}

variable "administrators" {
  description = "Who administers the server, by Entra name: at least one, best a group."
  type = map(object({
    object_id = string
    type      = string
  }))

  validation {
    condition     = length(var.administrators) > 0 && alltrue([for who in var.administrators : contains(["Group", "User", "ServicePrincipal"], who.type)])
    error_message = "administrators needs at least one entry, and each type must be Group, User or ServicePrincipal."
  }
}

variable "server" {
  description = "The server itself; see the root module's variable postgresql."
  type = object({
    version               = string
    sku                   = string
    storage_mb            = number
    zone_redundant        = bool
    geo_redundant_backup  = bool
    backup_retention_days = number
    pgbouncer             = bool
    connections_max       = number
    source_server_id      = optional(string)
  })
}

variable "is_standby" {
  description = "Whether a replica stays one. A server that was never a replica does not mind."
  type        = bool
}

variable "public_network_access_enabled" {
  description = "Whether the server answers outside the network at all; then to allowed_ip_addresses alone."
  type        = bool
}

variable "allowed_ip_addresses" {
  description = "Public IPv4 addresses and ranges that may reach the server."
  type        = list(string)
}
