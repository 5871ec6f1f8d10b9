variable "name" {
  description = "What names of resources are made of."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
}

variable "origins" {
  description = "Function apps behind Front Door, by name: their host names, and in which order they are asked (1 first)."
  type = map(object({
    host_name = string
    priority  = number
  }))

  validation {
    condition     = alltrue([for origin in var.origins : origin.priority >= 1 && origin.priority <= 5])
    error_message = "priority must be 1 to 5."
  }
}

variable "custom_domain" {
  description = "Host name of your own, whose DNS you point at the endpoint; null: none."
  type        = string
  nullable    = true
}

variable "rate_limit_per_minute" {
  description = "Requests a minute that one address may make before Front Door refuses it. The program limits by client besides."
  type        = number

  validation {
    condition     = var.rate_limit_per_minute >= 10
    error_message = "rate_limit_per_minute must be at least 10."
  }
}

variable "waf_mode" {
  description = "Prevention, or Detection, which only logs."
  type        = string

  validation {
    condition     = contains(["Prevention", "Detection"], var.waf_mode)
    error_message = "waf_mode must be Prevention or Detection."
  }
}
