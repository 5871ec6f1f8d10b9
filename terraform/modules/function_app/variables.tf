variable "name" {
  description = "What names of resources are made of; unique in Azure."
  type        = string

  validation {
    # The host takes the first 32 characters of the site's name as its id, and those of the app and its slots must differ.
    condition     = length(var.name) <= 24
    error_message = "name must have 24 characters at most."
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

variable "hosting" {
  description = "flex or elastic_premium; see the root module."
  type        = string

  validation {
    condition     = contains(["flex", "elastic_premium"], var.hosting)
    error_message = "hosting must be flex or elastic_premium."
  }
}

variable "flex" {
  description = "Flex Consumption; see the root module."
  type = object({
    instance_memory_mb = number
    instances_max      = number
    always_ready       = map(number)
  })
}

variable "elastic_premium" {
  description = "Elastic Premium; see the root module."
  type = object({
    sku            = string
    instances_min  = number
    instances_max  = number
    zone_redundant = bool
    slots          = set(string)
  })
}

variable "identity" {
  description = "The app's user-assigned identity."
  type = object({
    id        = string
    client_id = string
  })
}

variable "subnet_id" {
  description = "Subnet of outbound traffic."
  type        = string
}

variable "host_storage" {
  description = "Storage account of the Functions host, and the container its packages are in."
  type = object({
    account_name  = string
    container_url = string
  })
}

variable "application_insights" {
  description = "Where the host and the program send telemetry."
  type = object({
    connection_string = string
  })
  sensitive = true
}

variable "settings" {
  description = "Settings of the program."
  type        = map(string)
}

variable "disabled_functions" {
  description = "Functions that are off in the app itself: in a region that stands by."
  type        = set(string)
}

variable "background_functions" {
  description = "Functions that nobody calls by HTTP: off in every slot but production, which would take production's messages."
  type        = set(string)
}

variable "cors_origins" {
  description = "Origins whose pages may call the API."
  type        = set(string)
}

variable "access" {
  description = "Who may call the app: Front Door, by its id, and addresses. Nobody named: everybody."
  type = object({
    front_door    = bool
    front_door_id = optional(string)
    ip_addresses  = list(string)
  })
}
