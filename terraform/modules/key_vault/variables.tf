variable "name" {
  description = "Name of the vault: 3 to 24 letters, digits and hyphens, unique in Azure."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 24 lower-case letters, digits and hyphens."
  }
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

variable "app_principal_id" {
  description = "Principal id of the app's identity."
  type        = string
}

variable "secrets_officers" {
  description = "Object ids of who writes secrets: people, or the identity of a pipeline that rotates them."
  type        = set(string)
}

variable "public_network_access_enabled" {
  description = "Whether the vault answers outside the network at all; then to allowed_ip_addresses alone."
  type        = bool
}

variable "allowed_ip_addresses" {
  description = "Public IPv4 addresses and ranges that may reach the vault."
  type        = list(string)
}
