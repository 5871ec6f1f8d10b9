variable "name" {
  description = "What names of resources are made of."
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

variable "address_space" {
  description = "IPv4 range of the network: a /16 to /24, of which the app's subnet takes the first quarter and private endpoints the second."
  type        = string

  validation {
    condition     = can(cidrhost(var.address_space, 0)) && try(tonumber(split("/", var.address_space)[1]), 0) >= 16 && try(tonumber(split("/", var.address_space)[1]), 99) <= 24
    error_message = "address_space must be an IPv4 range with a prefix of /16 to /24, such as 10.40.0.0/22."
  }
}

variable "app_delegation" {
  description = "The service that the app's subnet is delegated to: Microsoft.App/environments (Flex Consumption) or Microsoft.Web/serverFarms (Elastic Premium)."
  type        = string

  validation {
    condition     = contains(["Microsoft.App/environments", "Microsoft.Web/serverFarms"], var.app_delegation)
    error_message = "app_delegation must be Microsoft.App/environments or Microsoft.Web/serverFarms."
  }
}

variable "private_endpoints" {
  description = "What is reached by a private address: the resource, its sub-resource, and the private DNS zone of its name."
  type = map(object({
    resource_id = string
    subresource = string
    zone        = string
  }))
}
