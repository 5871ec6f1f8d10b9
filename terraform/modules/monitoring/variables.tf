variable "name" {
  description = "What names of resources are made of."
  type        = string
}

variable "environment" {
  description = "The environment's name."
  type        = string
}

variable "resource_group" {
  description = "Resource group."
  type = object({
    id   = string
    name = string
  })
}

variable "location" {
  description = "Azure region."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
}

variable "retention_days" {
  description = "How long logs and telemetry are kept."
  type        = number

  validation {
    condition     = contains([30, 60, 90, 120, 180, 270, 365, 550, 730], var.retention_days)
    error_message = "retention_days must be 30, 60, 90, 120, 180, 270, 365, 550 or 730."
  }
}

variable "daily_gb_max" {
  description = "Gigabytes of logs and telemetry a day at most; what comes then is lost."
  type        = number
}

variable "function_app" {
  description = "The app that is watched."
  type = object({
    id        = string
    name      = string
    probe_url = string
  })
}

variable "postgresql_id" {
  description = "The database server that is watched."
  type        = string
}

variable "service_bus_id" {
  description = "The Service Bus namespace that is watched."
  type        = string
}

variable "diagnostics" {
  description = "Resources whose logs and metrics go to the workspace."
  type = map(object({
    id   = string
    logs = optional(bool, true)
  }))
}

variable "alert_emails" {
  description = "Who is told of alerts, by e-mail."
  type        = list(string)
}

variable "alert_webhooks" {
  description = "Who is told of alerts, by HTTP in the common alert schema; by name."
  type        = map(string)
}

variable "runbooks_url" {
  description = "Address of the folder docs/runbooks, without a slash at the end."
  type        = string
}

variable "budget" {
  description = "What a month may cost, and from when that counts."
  type = object({
    amount     = number
    start_date = string
  })
}
