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

variable "sku" {
  description = "Size, such as Balanced_B0."
  type        = string

  validation {
    condition     = can(regex("^(Balanced_B|ComputeOptimized_X|MemoryOptimized_M|FlashOptimized_A)[0-9]+$", var.sku))
    error_message = "sku must be one of Managed Redis, such as Balanced_B0."
  }
}

variable "high_availability" {
  description = "Whether there is a second node."
  type        = bool
}
