# What holds in every environment. A test hands over what a plan says of itself (output `controls` of the root module), and
# expects no violations.

variable "controls" {
  description = "Output controls of the root module."
  type        = any
}

variable "environment" {
  description = "The environment's name."
  type        = string
}

variable "identity" {
  description = "Output identity of the root module."
  type        = any
}

variable "hosting" {
  description = "Output hosting of the root module."
  type        = string
}

locals {
  c          = var.controls
  sites      = local.c.function_app.sites
  alerts     = local.c.monitoring.alerts
  roles      = concat(local.c.storage.roles, local.c.key_vault.roles, local.c.service_bus.roles)
  app_roles  = [for role in local.roles : role if role.principal_id == var.identity.principal_id]
  background = sort([for name, trigger in jsondecode(file("${path.module}/../../functions.json")) : name if trigger != "httpTrigger"])
  is_private = contains(["staging", "production"], var.environment)

  tagged = merge(
    { for name, site in local.sites : "site ${name}" => site.tags },
    { for name, account in local.c.storage.accounts : "storage ${name}" => account.tags },
    { for name in ["network", "key_vault", "postgresql", "service_bus", "cosmos", "monitoring"] : name => local.c[name].tags },
    { for name, part in { redis = local.c.redis, edge = local.c.edge } : name => part.tags if part != null },
    local.c.tags,
  )

  # Thresholds and windows that were promised: error rate, p95, availability, dead letters.
  promised_alerts = {
    error-rate         = { threshold = 5, operator = "GreaterThan", window = "PT5M" }
    slow-requests      = { threshold = 2000, operator = "GreaterThan", window = "PT10M" }
    availability       = { threshold = 99.9, operator = "LessThan", window = "PT1M" }
    dead-letters       = { threshold = 0, operator = "GreaterThan", window = "PT5M" }
    parked-messages    = { threshold = 0, operator = "GreaterThan", window = "PT15M" }
    outbox-age         = { threshold = 300, operator = "GreaterThan", window = "PT10M" }
    pool-exhaustion    = { threshold = 90, operator = "GreaterThan", window = "PT10M" }
    low-disk           = { threshold = 80, operator = "GreaterThan", window = "PT15M" }
    unhealthy-instance = { threshold = 100, operator = "LessThan", window = "PT5M" }
  }

  rules = {
    # What is kept
    "backups from before migrations are kept as long as the server's" = local.c.storage.backup_retention_days == local.c.postgresql.backup_retention_days

    # Keys and passwords
    "storage refuses shared keys and local users"      = alltrue([for account in local.c.storage.accounts : !account.shared_keys && !account.local_users])
    "Service Bus refuses shared access signatures"     = !local.c.service_bus.local_authentication
    "Cosmos DB refuses keys"                           = !local.c.cosmos.local_authentication
    "PostgreSQL knows tokens and no passwords"         = local.c.postgresql.entra_authentication && !local.c.postgresql.password_authentication && length(local.c.postgresql.administrators) > 0
    "Redis refuses access keys"                        = local.c.redis == null || !try(local.c.redis.access_keys, true)
    "sites refuse basic authentication"                = alltrue([for site in local.sites : !site.basic_authentication])
    "Key Vault is opened by roles, and purges nothing" = local.c.key_vault.rbac && local.c.key_vault.purge_protection && local.c.key_vault.soft_delete_days == 90
    "no setting holds a secret" = length(setintersection(toset(flatten([for site in local.sites : site.settings])), toset([
      "DATABASE_PASSWORD", "JWT_KEYS", "WEBHOOK_MASTER_KEY", "PAYMENT_WEBHOOK_SECRETS", "ServiceBusConnection", "COSMOS_KEY", "AZURE_CLIENT_SECRET", "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    ]))) == 0

    # Identities and roles
    "sites are the user-assigned identity and nobody else" = alltrue([for site in local.sites : site.identity == "UserAssigned" && one(site.identity_ids) == var.identity.id])
    "sites open their host's storage by identity"          = alltrue([for site in local.sites : site.storage_by_identity && contains(site.settings, "AzureWebJobsStorage__accountName") && contains(site.settings, "AzureWebJobsStorage__credential") && contains(site.settings, "AzureWebJobsStorage__clientId")])
    "the app has exactly its roles, each on one thing" = sort([for role in local.app_roles : "${role.role} on ${role.scope}"]) == sort([
      "Storage Blob Data Owner on ${local.mocked}/Microsoft.Storage/storageAccounts/st",
      "Storage Blob Data Contributor on ${local.mocked}/Microsoft.Storage/storageAccounts/st/blobServices/default/containers/container",
      "Key Vault Secrets User on ${local.mocked}/Microsoft.KeyVault/vaults/kv",
      "Azure Service Bus Data Receiver on ${local.mocked}/Microsoft.ServiceBus/namespaces/sbns/queues/orders",
      "Azure Service Bus Data Sender on ${local.mocked}/Microsoft.ServiceBus/namespaces/sbns/queues/orders",
      "Azure Service Bus Data Sender on ${local.mocked}/Microsoft.ServiceBus/namespaces/sbns/topics/inventory-events",
    ])
    "in Cosmos DB the app writes one container" = local.c.cosmos.role.principal_id == var.identity.principal_id && endswith(local.c.cosmos.role.scope, "/dbs/inventory/colls/events") && endswith(local.c.cosmos.role.definition, "/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002")
    "in Redis the app is itself"                = local.c.redis == null || try(local.c.redis.principal_id, null) == var.identity.principal_id

    # Network
    "services are closed by default"                     = alltrue([for account in local.c.storage.accounts : account.default_action == "Deny"]) && local.c.key_vault.default_action == "Deny"
    "no blob is public"                                  = alltrue([for account in local.c.storage.accounts : !account.public_blobs]) && alltrue([for access in local.c.storage.containers : access == "private"])
    "staging and production are private"                 = !local.is_private || (alltrue([for account in local.c.storage.accounts : !account.public_network_access]) && !local.c.key_vault.public_network_access && !local.c.postgresql.public_network_access && !local.c.service_bus.public_network_access && !local.c.cosmos.public_network_access)
    "a private Service Bus is Premium"                   = !local.is_private || (local.c.service_bus.sku == "Premium" && local.c.service_bus.default_action == "Deny")
    "Redis is private everywhere"                        = local.c.redis == null || try(local.c.redis.public_network_access, "") == "Disabled"
    "no rule lets the whole world in"                    = alltrue([for rule in local.c.postgresql.firewall_rules : !startswith(rule, "0.0.0.0")])
    "everything the app needs has a private endpoint"    = setunion(["host-blob", "host-queue", "host-table", "files-blob", "postgresql", "key-vault", "cosmos"], local.c.redis == null ? [] : ["redis"], local.c.service_bus.sku == "Premium" ? ["service-bus"] : []) == toset(keys(local.c.network.private_endpoints))
    "private endpoints have their DNS zone"              = alltrue([for endpoint in local.c.network.private_endpoints : endpoint.zones == 1]) && alltrue([for zone in local.c.network.zones : startswith(zone, "privatelink.")])
    "sites go out by the network"                        = alltrue([for site in local.sites : site.route_all && site.subnet_id != null])
    "no subnet has an address it was not given"          = !local.c.network.default_outbound_access
    "endpoints take what is spoken to them, and no more" = toset(local.c.network.endpoint_ports) == toset(["443", "5432", "5671", "6432", "10000"])

    # TLS
    "storage speaks TLS 1.2"     = alltrue([for account in local.c.storage.accounts : account.min_tls_version == "TLS1_2" && account.https_only])
    "Service Bus speaks TLS 1.2" = local.c.service_bus.min_tls_version == "1.2"
    "Cosmos DB speaks TLS 1.2"   = local.c.cosmos.min_tls_version == "Tls12"
    "PostgreSQL speaks TLS 1.2"  = try(local.c.postgresql.parameters.require_secure_transport, "") == "on" && try(local.c.postgresql.parameters.ssl_min_protocol_version, "") == "TLSv1.2"
    "Redis speaks TLS"           = local.c.redis == null || try(local.c.redis.protocol, "") == "Encrypted"
    "sites speak TLS 1.2"        = alltrue([for site in local.sites : site.https_only && site.min_tls_version == "1.2" && site.scm_min_tls_version == "1.2"])

    # Messages and events
    "the queue is what orders need"                    = local.c.service_bus.queue == { name = "orders", sessions = false, duplicate_detection = true, lock_duration = "PT1M", delivery_max = 10, dead_letters = true }
    "the topic is what events need"                    = local.c.service_bus.topic == { name = "inventory-events", duplicate_detection = true }
    "subscriptions filter"                             = length(local.c.service_bus.filters) > 0 && alltrue([for filter in local.c.service_bus.filters : startswith(filter, "sys.Label LIKE 'inventory.")])
    "events expire by their own time"                  = local.c.cosmos.default_ttl == -1 && one(local.c.cosmos.partition_key_paths) == "/subject"
    "requests go through PgBouncer where there is one" = try(local.c.postgresql.parameters["pgbouncer.enabled"], "false") == (var.environment == "dev" ? "false" : "true")

    # Hosting
    "the app runs a program of its own"                               = local.c.function_app.runtime == "custom"
    "dev and qa scale to nothing, staging and production have slots"  = var.hosting == (local.is_private ? "elastic_premium" : "flex") && (local.c.function_app.plan == "FC1") == !local.is_private && (length(local.sites) > 1) == local.is_private
    "in production's place every function is on"                      = local.sites["production"].disabled_functions == []
    "in every other slot exactly what works in the background is off" = alltrue([for name, site in local.sites : name == "production" || sort(site.disabled_functions) == local.background])
    "that stays with the slot when it is swapped"                     = !local.is_private || sort(local.c.function_app.sticky_settings) == sort([for name in local.background : "AzureWebJobs.${name}.Disabled"])
    "there is something that works in the background"                 = length(local.background) > 0
    "no page of another origin comes with cookies"                    = alltrue([for site in local.sites : !site.cors_credentials && !contains(site.cors_origins, "*") && length(site.cors_origins) > 0])

    # Watching
    "alerts are as promised"          = alltrue([for name, promised in local.promised_alerts : try({ threshold = local.alerts[name].threshold, operator = local.alerts[name].operator, window = local.alerts[name].window } == promised, false)])
    "there are no other alerts"       = sort(keys(local.alerts)) == sort(keys(local.promised_alerts))
    "alerts name their runbook"       = alltrue([for name, alert in local.alerts : endswith(alert.description, "/docs/runbooks/${name}.md")])
    "alerts are on and tell somebody" = alltrue([for alert in local.alerts : alert.enabled && alert.actions == 1]) && local.c.monitoring.receivers > 0
    "a budget is watched"             = local.c.monitoring.budget.amount > 0 && contains(local.c.monitoring.budget.thresholds, "Actual 100") && contains(local.c.monitoring.budget.thresholds, "Forecasted 100")
    "every service's logs are kept"   = setunion(["function-app", "postgresql", "service-bus", "key-vault", "cosmos", "host-storage", "files-storage"], local.c.redis == null ? [] : ["redis"], local.c.edge == null ? [] : ["front-door"]) == toset(keys(local.c.monitoring.diagnostics))
    "the API is probed from outside"  = endswith(local.c.monitoring.probe, "/ready") && startswith(local.c.monitoring.probe, "https://")
    "there is something to look at"   = local.c.monitoring.workbook == "Notebook/1.0" && local.c.monitoring.dashboard > 0
    "addresses are masked"            = local.c.monitoring.ip_masking

    # Tags
    "everything has its tags" = alltrue([for tags in local.tagged : try(tags["environment"] == var.environment && tags["managed-by"] == "terraform" && tags["project"] == "inventory" && length(tags["owner"]) > 0 && length(tags["cost-center"]) > 0, false)])
  }

  # Of tests/mocks.
  mocked = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers"
}

output "violations" {
  description = "Rules that do not hold."
  value       = [for rule, holds in local.rules : rule if !holds]
}

output "count" {
  description = "Rules that were tried."
  value       = length(local.rules)
}
