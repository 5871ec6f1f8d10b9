variable "short_name" {
  description = "What the accounts' names are made of: lower-case letters and digits."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{3,18}$", var.short_name))
    error_message = "short_name must be 3 to 18 lower-case letters and digits."
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

variable "app_principal_id" {
  description = "Principal id of the app's identity."
  type        = string
}

variable "deployers" {
  description = "Object ids of who puts packages into the container that the app runs them from."
  type        = set(string)
}

variable "replication" {
  description = "How often the data is kept, and where: LRS, ZRS, GRS or GZRS."
  type        = string

  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "GZRS"], var.replication)
    error_message = "replication must be LRS, ZRS, GRS or GZRS."
  }
}

variable "public_network_access_enabled" {
  description = "Whether the accounts answer outside the network at all; then to allowed_ip_addresses alone."
  type        = bool
}

variable "allowed_ip_addresses" {
  description = "Public IPv4 addresses and ranges that may reach the accounts."
  type        = list(string)
}

variable "files_retention_days" {
  description = "How long the program keeps exports and imports."
  type        = number
}

variable "backup_retention_days" {
  description = "How long the database is kept as it was before a migration."
  type        = number
}
