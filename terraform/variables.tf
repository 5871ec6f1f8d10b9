# --- What and where

variable "project" {
  description = "What names of resources begin with."
  nullable    = false
  type        = string
  default     = "inventory"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{2,8}$", var.project))
    error_message = "project must be 3 to 9 lower-case letters and digits, a letter first."
  }
}

variable "environment" {
  description = "Which environment this is."
  type        = string

  validation {
    condition     = contains(["dev", "qa", "staging", "production"], var.environment)
    error_message = "environment must be dev, qa, staging or production."
  }
}

variable "name_suffix" {
  description = "What makes names unique in Azure: 2 to 4 lower-case letters and digits of your own. A second region has another one."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{2,4}$", var.name_suffix))
    error_message = "name_suffix must be 2 to 4 lower-case letters and digits."
  }
}

variable "location" {
  description = "Azure region."
  nullable    = false
  type        = string
  default     = "westeurope"

  validation {
    condition     = can(regex("^[a-z0-9]+$", var.location))
    error_message = "location must be a region's short name, such as westeurope."
  }
}

variable "owner" {
  description = "Whom to ask about these resources (tag)."
  type        = string

  validation {
    condition     = length(trimspace(var.owner)) > 0
    error_message = "owner must not be empty."
  }
}

variable "cost_center" {
  description = "Who pays for these resources (tag)."
  type        = string

  validation {
    condition     = length(trimspace(var.cost_center)) > 0
    error_message = "cost_center must not be empty."
  }
}

variable "tags" {
  description = "Further tags of every resource."
  nullable    = false
  type        = map(string)
  default     = {}
}

# --- Second region

variable "secondary_location" {
  description = "Azure region that Cosmos DB keeps a copy in, which takes over by itself. Of storage and backups the platform keeps copies in the paired region (storage_replication, postgresql.geo_redundant_backup)."
  type        = string
  default     = null
  nullable    = true

  validation {
    condition     = var.secondary_location == null || var.secondary_location != var.location
    error_message = "secondary_location must be another region than location."
  }
}

variable "is_standby" {
  description = "Whether this is a second region that stands by: its database is a replica (postgresql.source_server_id), so all that works in the background is off. Failover sets it to false (README)."
  nullable    = false
  type        = bool
  default     = false

  validation {
    condition     = !var.is_standby || var.postgresql.source_server_id != null
    error_message = "is_standby needs postgresql.source_server_id: a region stands by with a replica of the database."
  }
}

variable "standby_origins" {
  description = "Host names of function apps in other regions that Front Door turns to when this one does not answer, by name."
  nullable    = false
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.standby_origins) == 0 || var.edge_enabled
    error_message = "standby_origins needs edge_enabled: Front Door is what turns to them."
  }
}

variable "front_door_id" {
  description = "In a second region: id of the Front Door in front of it, which stands in the first region (its output front_door_id)."
  type        = string
  default     = null
  nullable    = true

  validation {
    condition     = var.front_door_id == null || can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.front_door_id))
    error_message = "front_door_id must be a GUID."
  }
}

# --- The function app

variable "hosting" {
  description = "flex: Flex Consumption, which scales to nothing and has no slots. elastic_premium: instances that are always there, and slots for blue-green and canary deployments."
  type        = string

  validation {
    condition     = contains(["flex", "elastic_premium"], var.hosting)
    error_message = "hosting must be flex or elastic_premium."
  }

  validation {
    condition     = var.environment != "production" || var.hosting == "elastic_premium"
    error_message = "production is deployed by slots, so its hosting must be elastic_premium."
  }
}

variable "flex" {
  description = "With hosting flex: memory of an instance (512, 2048 or 4096 MB), instances at most, and how many are always ready, by group (http, or function:NAME)."
  nullable    = false
  type = object({
    instance_memory_mb = optional(number, 2048)
    instances_max      = optional(number, 40)
    always_ready       = optional(map(number), {})
  })
  default = {}

  validation {
    condition     = contains([512, 2048, 4096], var.flex.instance_memory_mb) && var.flex.instances_max >= 1 && var.flex.instances_max <= 1000
    error_message = "flex.instance_memory_mb must be 512, 2048 or 4096, and flex.instances_max 1 to 1000."
  }
}

variable "elastic_premium" {
  description = "With hosting elastic_premium: size, instances at least and at most, whether they are spread over availability zones, and slots besides production (two at most)."
  nullable    = false
  type = object({
    sku            = optional(string, "EP1")
    instances_min  = optional(number, 1)
    instances_max  = optional(number, 10)
    zone_redundant = optional(bool, false)
    slots          = optional(set(string), ["next"])
  })
  default = {}

  validation {
    condition     = contains(["EP1", "EP2", "EP3"], var.elastic_premium.sku)
    error_message = "elastic_premium.sku must be EP1, EP2 or EP3."
  }

  validation {
    condition     = var.elastic_premium.instances_min >= (var.elastic_premium.zone_redundant ? 3 : 1) && var.elastic_premium.instances_min <= var.elastic_premium.instances_max && var.elastic_premium.instances_max <= 100
    error_message = "elastic_premium needs 1 <= instances_min <= instances_max <= 100, and three instances at least where they are spread over zones."
  }

  validation {
    condition     = length(var.elastic_premium.slots) <= 2 && alltrue([for slot in var.elastic_premium.slots : can(regex("^[a-z][a-z0-9]{1,8}$", slot)) && slot != "production"])
    error_message = "elastic_premium.slots: two at most, of 2 to 9 lower-case letters and digits, none called production."
  }
}

variable "cors_origins" {
  description = "Origins whose pages may call the API, such as https://shop.example.com."
  nullable    = false
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^https?://[a-z0-9.-]+(:[0-9]+)?$", origin))])
    error_message = "cors_origins must be scheme, host and optional port, without a path; * is not accepted."
  }
}

# --- Network

variable "address_space" {
  description = "IPv4 range of the network, /16 to /24. The app's subnet takes its first quarter."
  nullable    = false
  type        = string
  default     = "10.40.0.0/22"
}

variable "public_network_access_enabled" {
  description = "Whether storage, database, Key Vault, Cosmos DB and a Premium Service Bus also answer outside the network, to allowed_ip_addresses alone. The app itself goes by private endpoints in any case."
  nullable    = false
  type        = bool
  default     = false

  validation {
    condition     = !(var.environment == "production" && var.public_network_access_enabled)
    error_message = "production is not reachable from outside its network."
  }
}

variable "allowed_ip_addresses" {
  description = "Public IPv4 addresses and ranges of developers' desks and build agents: they may reach the services where public_network_access_enabled is true, and the function app beside Front Door."
  nullable    = false
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.allowed_ip_addresses : can(cidrhost(strcontains(address, "/") ? address : "${address}/32", 0)) && !startswith(address, "0.")])
    error_message = "allowed_ip_addresses must be IPv4 addresses or ranges; everybody (0.0.0.0) is not accepted."
  }

  validation {
    # What storage accounts take.
    condition     = alltrue([for address in var.allowed_ip_addresses : !can(regex("/(31|32)$|^10\\.|^192\\.168\\.|^172\\.(1[6-9]|2[0-9]|3[01])\\.", address))])
    error_message = "allowed_ip_addresses must be public, and ranges of four addresses (/30) at least; write a single address without a prefix."
  }
}

variable "edge_enabled" {
  description = "Whether Front Door with its web application firewall stands in front."
  nullable    = false
  type        = bool
  default     = false

  validation {
    condition     = var.environment != "production" || var.edge_enabled || var.front_door_id != null
    error_message = "production has a web application firewall in front: edge_enabled, or in a second region front_door_id."
  }

  validation {
    condition     = var.front_door_id == null || !var.edge_enabled
    error_message = "front_door_id is for a region without a Front Door of its own: edge_enabled must be false."
  }
}

variable "edge" {
  description = "With edge_enabled: host name of your own (else Front Door's), requests a minute that one address may make, and Prevention or Detection."
  nullable    = false
  type = object({
    custom_domain         = optional(string)
    rate_limit_per_minute = optional(number, 6000)
    waf_mode              = optional(string, "Prevention")
  })
  default = {}
}

# --- Database

variable "postgresql" {
  description = <<-EOT
    The PostgreSQL flexible server. pgbouncer: requests go through it (not on the Burstable tier, which has none).
    connections_max: what PgBouncer takes (at most 5000 by default), or without it what the server's size takes.
    source_server_id: the server that this one is a replica of.
  EOT
  type = object({
    version               = optional(string, "17")
    sku                   = string
    storage_mb            = optional(number, 32768)
    zone_redundant        = optional(bool, false)
    geo_redundant_backup  = optional(bool, false)
    backup_retention_days = optional(number, 7)
    pgbouncer             = optional(bool, true)
    connections_max       = optional(number, 5000)
    source_server_id      = optional(string)
  })

  validation {
    condition     = contains(["16", "17"], var.postgresql.version)
    error_message = "postgresql.version must be 16 or 17."
  }

  validation {
    condition     = can(regex("^(B|GP|MO)_Standard_[A-Za-z0-9_]+$", var.postgresql.sku))
    error_message = "postgresql.sku must be tier and size, such as GP_Standard_D2ds_v5."
  }

  validation {
    condition     = contains([32768, 65536, 131072, 262144, 524288, 1048576, 2097152, 4193280, 4194304, 8388608, 16777216, 33553408], var.postgresql.storage_mb)
    error_message = "postgresql.storage_mb must be one of the sizes that PostgreSQL flexible server has, such as 32768."
  }

  validation {
    condition     = var.postgresql.backup_retention_days >= 7 && var.postgresql.backup_retention_days <= 35
    error_message = "postgresql.backup_retention_days must be 7 to 35."
  }

  validation {
    condition     = !startswith(var.postgresql.sku, "B_") || !(var.postgresql.pgbouncer || var.postgresql.zone_redundant)
    error_message = "the Burstable tier has neither PgBouncer nor a standby."
  }

  validation {
    condition     = var.environment != "production" || var.postgresql.source_server_id != null || (var.postgresql.zone_redundant && var.postgresql.geo_redundant_backup && var.postgresql.backup_retention_days >= 35)
    error_message = "production needs a standby in another zone, backups in another region, and 35 days of them."
  }
}

variable "database_administrators" {
  description = "Who administers the database, by Entra name: object id and type (Group, User, ServicePrincipal). The identity of the pipeline that migrates belongs to it."
  type = map(object({
    object_id = string
    type      = optional(string, "Group")
  }))

  validation {
    condition     = length(var.database_administrators) > 0
    error_message = "database_administrators needs at least one entry: there are no passwords."
  }
}

variable "database_pool_max" {
  description = "Connections that one instance opens at most. All instances together must stay below postgresql.connections_max."
  nullable    = false
  type        = number
  default     = 30

  validation {
    condition     = var.database_pool_max >= 1 && var.database_pool_max <= 1000
    error_message = "database_pool_max must be 1 to 1000."
  }

  validation {
    # A swap has two sets of instances for a while.
    condition     = var.database_pool_max * (var.hosting == "flex" ? var.flex.instances_max : var.elastic_premium.instances_max * (1 + length(var.elastic_premium.slots))) <= var.postgresql.connections_max
    error_message = "all instances, those of slots included, could open more connections than postgresql.connections_max."
  }
}

# --- Messages, events, files, cache

variable "service_bus" {
  description = "The Service Bus namespace: Standard, or Premium (private endpoints, firewall) with messaging units. subscriptions: who hears which events (pattern of types). producers: object ids of who sends orders."
  nullable    = false
  type = object({
    sku      = optional(string, "Standard")
    capacity = optional(number, 0)
    subscriptions = optional(map(object({
      types   = string
      readers = optional(set(string), [])
      })), {
      orders = { types = "inventory.order.%" }
      stock  = { types = "inventory.stock.%" }
    })
    producers = optional(set(string), [])
  })
  default = {}

  validation {
    condition     = var.service_bus.sku == "Premium" || var.environment != "production"
    error_message = "production needs a Premium Service Bus: only that can be private."
  }
}

variable "cosmos" {
  description = "The event history: request units a second at most (autoscale, from a tenth of it), and copies in several availability zones."
  nullable    = false
  type = object({
    throughput_max = optional(number, 1000)
    zone_redundant = optional(bool, false)
  })
  default = {}
}

variable "event_history_ttl_days" {
  description = "How long the event history keeps an event; 0 is for ever."
  nullable    = false
  type        = number
  default     = 730

  validation {
    condition     = var.event_history_ttl_days >= 0 && var.event_history_ttl_days <= 24855
    error_message = "event_history_ttl_days must be 0 to 24855."
  }
}

variable "storage_replication" {
  description = "How often storage keeps its data, and where: LRS, ZRS, GRS or GZRS."
  nullable    = false
  type        = string
  default     = "LRS"

  validation {
    condition     = var.environment != "production" || contains(["GRS", "GZRS"], var.storage_replication)
    error_message = "production keeps its files in a second region: storage_replication must be GRS or GZRS."
  }
}

variable "files_retention_days" {
  description = "How long exports and imports are kept."
  nullable    = false
  type        = number
  default     = 30

  validation {
    condition     = var.files_retention_days >= 1 && var.files_retention_days <= 365
    error_message = "files_retention_days must be 1 to 365."
  }
}

variable "redis" {
  description = "Managed Redis, in which instances share what they count: its size. null: each instance counts for itself."
  type = object({
    sku               = string
    high_availability = optional(bool, true)
  })
  default  = null
  nullable = true
}

# --- Who may do what

variable "secrets_officers" {
  description = "Object ids of who writes and rotates secrets in the Key Vault."
  nullable    = false
  type        = set(string)
  default     = []
}

variable "deployers" {
  description = "Object ids of who puts packages where the app runs them from: the identity of the pipeline that deploys."
  type        = set(string)
  nullable    = false
  default     = []
}

variable "entra" {
  description = "Whose tokens the API accepts besides its own: the client id of the application that stands for it, and which application role is which of ours. null: only its own."
  type = object({
    audience = string
    roles    = optional(map(string), {})
  })
  default  = null
  nullable = true

  validation {
    condition     = var.entra == null || alltrue([for role in values(try(var.entra.roles, {})) : contains(["viewer", "clerk", "manager", "admin"], role)])
    error_message = "entra.roles must lead to viewer, clerk, manager or admin."
  }
}

# --- How it behaves

variable "log_level" {
  description = "What the program logs."
  nullable    = false
  type        = string
  default     = "info"

  validation {
    condition     = can(regex("^(error|warn|info|debug|trace)(,[a-z_:]+=(error|warn|info|debug|trace))*$", var.log_level))
    error_message = "log_level must be error, warn, info, debug or trace, then by part: info,inventory_store=debug."
  }
}

variable "trace_sample_ratio" {
  description = "The part of the traces that begin here which is recorded, from 0 to 1."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.trace_sample_ratio >= 0 && var.trace_sample_ratio <= 1
    error_message = "trace_sample_ratio must be 0 to 1."
  }
}

variable "rate_limit" {
  description = "Requests that a client may make in a window of seconds."
  nullable    = false
  type = object({
    requests = optional(number, 100)
    window   = optional(number, 60)
  })
  default = {}

  validation {
    condition     = var.rate_limit.requests >= 1 && var.rate_limit.requests <= 1000000 && var.rate_limit.window >= 1 && var.rate_limit.window <= 86400
    error_message = "rate_limit.requests must be 1 to 1000000, rate_limit.window 1 to 86400 seconds."
  }
}

variable "low_stock_schedule" {
  description = "When the sweep for low stock runs: six-field cron."
  nullable    = false
  type        = string
  default     = "0 */5 * * * *"

  validation {
    condition     = length(split(" ", trimspace(var.low_stock_schedule))) == 6
    error_message = "low_stock_schedule must have six fields, seconds first."
  }
}

# --- Watching

variable "retention_days" {
  description = "How long logs and telemetry are kept."
  nullable    = false
  type        = number
  default     = 30
}

variable "telemetry_daily_gb_max" {
  description = "Gigabytes of logs and telemetry a day at most; what comes then is lost."
  nullable    = false
  type        = number
  default     = 5

  validation {
    condition     = var.telemetry_daily_gb_max >= 1
    error_message = "telemetry_daily_gb_max must be at least 1."
  }
}

variable "alert_emails" {
  description = "Who is told of alerts, by e-mail."
  nullable    = false
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", address))])
    error_message = "alert_emails must be e-mail addresses."
  }

  validation {
    condition     = length(var.alert_emails) + length(var.alert_webhooks) > 0
    error_message = "somebody must be told of alerts: alert_emails or alert_webhooks."
  }
}

variable "alert_webhooks" {
  description = "Who is told of alerts, by HTTPS in the common alert schema; by name."
  nullable    = false
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for url in values(var.alert_webhooks) : startswith(url, "https://")])
    error_message = "alert_webhooks must be https addresses."
  }
}

variable "runbooks_url" {
  description = "Address of the folder docs/runbooks, which alerts name; without a slash at the end."
  type        = string

  validation {
    condition     = startswith(var.runbooks_url, "https://") && !endswith(var.runbooks_url, "/")
    error_message = "runbooks_url must be an https address without a slash at the end."
  }
}

variable "budget" {
  description = "What a month may cost, in the currency of the subscription, and from which first of a month that counts (RFC 3339)."
  type = object({
    amount     = number
    start_date = string
  })

  validation {
    condition     = var.budget.amount > 0 && can(regex("^[0-9]{4}-[0-9]{2}-01T00:00:00Z$", var.budget.start_date))
    error_message = "budget.amount must be more than 0, and budget.start_date the first of a month, such as 2026-12-01T00:00:00Z."
  }
}
