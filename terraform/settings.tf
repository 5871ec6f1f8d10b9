# Settings of the program, and of the Functions host what its triggers name. `cli/tests/terraform.rs` reads this file and holds
# the names against those that the program knows: every name here must be one of them, and every one of them must stand here
# or, with a reason, in the test's list of those that Azure does not need. The program must start with what is set here. So
# this file has maps of settings and nothing else.
#
# No secret is here: DATABASE_PASSWORD, JWT_KEYS, WEBHOOK_MASTER_KEY and PAYMENT_WEBHOOK_SECRETS are in the Key Vault, or do not exist.

locals {
  settings = merge(
    {
      # Database: no password, tokens of the app's identity.
      DATABASE_URL                       = module.postgresql.url
      DATABASE_AUTHENTICATION            = "entra"
      DATABASE_POOL_MAX                  = tostring(var.database_pool_max)
      DATABASE_ACQUIRE_TIMEOUT_SECONDS   = "5"
      DATABASE_STATEMENT_TIMEOUT_SECONDS = "30"
      MIGRATE_ON_START                   = "false"

      # Who the program is, and where its secrets are.
      AZURE_CLIENT_ID          = azurerm_user_assigned_identity.app.client_id
      AZURE_KEYVAULT_URL       = module.key_vault.url
      KEYVAULT_REFRESH_SECONDS = "300"

      # Service Bus, for the program and for the host's triggers.
      ServiceBusConnection__fullyQualifiedNamespace = module.service_bus.host_name
      ServiceBusConnection__clientId                = azurerm_user_assigned_identity.app.client_id
      ServiceBusConnection__credential              = "managedidentity"
      SERVICE_BUS_TRANSPORT                         = "amqp"

      # Work.
      LOW_STOCK_SCHEDULE          = var.low_stock_schedule
      ORDERS_RETRY_SECONDS_MAX    = "40"
      OUTBOX_RETENTION_DAYS       = "7"
      IDEMPOTENCY_RETENTION_HOURS = "24"
      ACCESS_LOG_RETENTION_DAYS   = "365"
      CATALOGUE_CACHE_SECONDS     = "300"

      # Event history.
      COSMOS_ENDPOINT        = module.cosmos.endpoint
      COSMOS_DATABASE        = module.cosmos.database
      COSMOS_CONTAINER       = module.cosmos.container
      EVENT_HISTORY_TTL_DAYS = tostring(var.event_history_ttl_days)

      # Files of exports and imports.
      BLOB_STORAGE_ENDPOINT  = module.storage.files_endpoint
      BLOB_STORAGE_CONTAINER = module.storage.files_container
      FILES_RETENTION_DAYS   = tostring(var.files_retention_days)
      IMPORT_BYTES_MAX       = "10485760"

      # HTTP. Environments that share a key differ in their audience.
      BODY_BYTES_MAX          = "262144"
      REQUEST_TIMEOUT_SECONDS = "30"
      JWT_ISSUER              = "inventory"
      JWT_AUDIENCE            = "inventory-${var.environment}"
      TOKEN_LIFETIME_SECONDS  = "900"
      ACCOUNT_CACHE_SECONDS   = "5"

      # Limits. The header is one that the proxy in front sets and a client cannot.
      RATE_LIMIT_ENABLED  = "true"
      RATE_LIMIT_REQUESTS = tostring(var.rate_limit.requests)
      RATE_LIMIT_WINDOW   = tostring(var.rate_limit.window)
      CLIENT_IP_HEADER    = local.is_behind_front_door ? "X-Azure-ClientIP" : "Client-IP"
      CLIENT_IP_HOP       = "1"

      # Telemetry. Where it goes stands in the app's site_config (application_insights_connection_string).
      ENVIRONMENT             = var.environment
      LOG_LEVEL               = var.log_level
      OTEL_SERVICE_NAME       = "inventory"
      OTEL_TRACES_SAMPLER_ARG = tostring(var.trace_sample_ratio)
    },
    var.redis == null ? {} : {
      REDIS_URL                  = module.redis[0].url
      REDIS_AUTHENTICATION       = "entra"
      REDIS_TIMEOUT_MILLISECONDS = "50"
    },
    var.entra == null ? {} : {
      ENTRA_ISSUER   = "https://login.microsoftonline.com/${data.azurerm_client_config.current.tenant_id}/v2.0"
      ENTRA_AUDIENCE = var.entra.audience
      ENTRA_ROLE_MAP = join(",", [for theirs, ours in var.entra.roles : "${theirs}=${ours}"])
    },
  )
}
