variable "name" {
  description = "What names of resources are made of; unique in Azure."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group."
  type        = string
}

variable "location" {
  description = "Azure region, where is written."
  type        = string
}

variable "secondary_location" {
  description = "Azure region of a copy that takes over by itself; null: none."
  type        = string
  nullable    = true
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
}

variable "app_principal_id" {
  description = "Principal id of the app's identity."
  type        = string
}

variable "database" {
  description = "Name of the database."
  type        = string
}

variable "container" {
  description = "Name of the container."
  type        = string
}

variable "zone_redundant" {
  description = "Whether each region keeps copies in several availability zones."
  type        = bool
}

variable "throughput_max" {
  description = "Request units a second at most; a tenth of it is the least that is paid for."
  type        = number

  validation {
    condition     = var.throughput_max >= 1000 && var.throughput_max <= 1000000 && var.throughput_max % 1000 == 0
    error_message = "throughput_max must be 1000 to 1000000, in steps of 1000."
  }
}

variable "public_network_access_enabled" {
  description = "Whether the account answers outside the network at all; then to allowed_ip_addresses alone."
  type        = bool
}

variable "allowed_ip_addresses" {
  description = "Public IPv4 addresses and ranges that may reach the account."
  type        = list(string)
}
