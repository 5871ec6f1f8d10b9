data "azurerm_client_config" "current" {}

resource "azurerm_resource_group" "main" {
  name     = "rg-${local.name}"
  location = var.location
  tags     = local.tags

  lifecycle {
    precondition {
      condition     = length(local.function_files) == 0 || local.function_files == local.functions
      error_message = "terraform/functions.json does not say what functions/*/function.json say: run its test, which tells what to write."
    }
  }
}

# Who the app is, in production and in every slot, so that a swap changes nobody's rights.
resource "azurerm_user_assigned_identity" "app" {
  name                = "id-${local.name}"
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
}

module "network" {
  source = "./modules/network"

  name                = local.name
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
  address_space       = var.address_space
  app_delegation      = var.hosting == "flex" ? "Microsoft.App/environments" : "Microsoft.Web/serverFarms"

  private_endpoints = merge(
    {
      host-blob  = { resource_id = module.storage.account_ids["host"], subresource = "blob", zone = "privatelink.blob.core.windows.net" }
      host-queue = { resource_id = module.storage.account_ids["host"], subresource = "queue", zone = "privatelink.queue.core.windows.net" }
      host-table = { resource_id = module.storage.account_ids["host"], subresource = "table", zone = "privatelink.table.core.windows.net" }
      files-blob = { resource_id = module.storage.account_ids["files"], subresource = "blob", zone = "privatelink.blob.core.windows.net" }
      postgresql = { resource_id = module.postgresql.id, subresource = "postgresqlServer", zone = "privatelink.postgres.database.azure.com" }
      key-vault  = { resource_id = module.key_vault.id, subresource = "vault", zone = "privatelink.vaultcore.azure.net" }
      cosmos     = { resource_id = module.cosmos.id, subresource = "Sql", zone = "privatelink.documents.azure.com" }
    },
    var.service_bus.sku == "Premium" ? {
      service-bus = { resource_id = module.service_bus.id, subresource = "namespace", zone = "privatelink.servicebus.windows.net" }
    } : {},
    var.redis != null ? {
      redis = { resource_id = module.redis[0].id, subresource = "redisEnterprise", zone = "privatelink.redis.azure.net" }
    } : {},
  )
}

module "storage" {
  source = "./modules/storage"

  short_name                    = local.short_name
  resource_group_name           = azurerm_resource_group.main.name
  location                      = var.location
  tags                          = local.tags
  app_principal_id              = azurerm_user_assigned_identity.app.principal_id
  deployers                     = var.deployers
  replication                   = var.storage_replication
  public_network_access_enabled = var.public_network_access_enabled
  allowed_ip_addresses          = var.allowed_ip_addresses
  files_retention_days          = var.files_retention_days
  backup_retention_days         = var.postgresql.backup_retention_days
}

module "key_vault" {
  source = "./modules/key_vault"

  name                          = "kv-${local.name}"
  resource_group_name           = azurerm_resource_group.main.name
  location                      = var.location
  tags                          = local.tags
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  app_principal_id              = azurerm_user_assigned_identity.app.principal_id
  secrets_officers              = var.secrets_officers
  public_network_access_enabled = var.public_network_access_enabled
  allowed_ip_addresses          = var.allowed_ip_addresses
}

module "postgresql" {
  source = "./modules/postgresql"

  name                          = local.name
  resource_group_name           = azurerm_resource_group.main.name
  location                      = var.location
  tags                          = local.tags
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  app_identity_name             = azurerm_user_assigned_identity.app.name
  administrators                = var.database_administrators
  server                        = var.postgresql
  is_standby                    = var.is_standby
  public_network_access_enabled = var.public_network_access_enabled
  allowed_ip_addresses          = var.allowed_ip_addresses
}

module "service_bus" {
  source = "./modules/service_bus"

  name                          = local.name
  resource_group_name           = azurerm_resource_group.main.name
  location                      = var.location
  tags                          = local.tags
  app_principal_id              = azurerm_user_assigned_identity.app.principal_id
  sku                           = var.service_bus.sku
  capacity                      = var.service_bus.capacity
  subscriptions                 = var.service_bus.subscriptions
  producers                     = var.service_bus.producers
  public_network_access_enabled = var.public_network_access_enabled
  allowed_ip_addresses          = var.allowed_ip_addresses

  queue = {
    lock_seconds      = 60
    delivery_max      = 10
    duplicate_minutes = 10
    ttl_days          = 14
  }
}

module "cosmos" {
  source = "./modules/cosmos"

  name                          = local.name
  resource_group_name           = azurerm_resource_group.main.name
  location                      = var.location
  secondary_location            = var.secondary_location
  tags                          = local.tags
  app_principal_id              = azurerm_user_assigned_identity.app.principal_id
  database                      = "inventory"
  container                     = "events"
  zone_redundant                = var.cosmos.zone_redundant
  throughput_max                = var.cosmos.throughput_max
  public_network_access_enabled = var.public_network_access_enabled
  allowed_ip_addresses          = var.allowed_ip_addresses
}

module "redis" {
  source = "./modules/redis"
  count  = var.redis == null ? 0 : 1

  name                = local.name
  resource_group_name = azurerm_resource_group.main.name
  location            = var.location
  tags                = local.tags
  app_principal_id    = azurerm_user_assigned_identity.app.principal_id
  sku                 = var.redis.sku
  high_availability   = var.redis.high_availability
}

module "function_app" {
  source = "./modules/function_app"

  name                 = local.name
  resource_group_name  = azurerm_resource_group.main.name
  location             = var.location
  tags                 = local.tags
  hosting              = var.hosting
  flex                 = var.flex
  elastic_premium      = var.elastic_premium
  subnet_id            = module.network.app_subnet_id
  settings             = local.settings
  background_functions = local.background_functions
  disabled_functions   = var.is_standby ? local.background_functions : []
  cors_origins         = var.cors_origins

  identity = {
    id        = azurerm_user_assigned_identity.app.id
    client_id = azurerm_user_assigned_identity.app.client_id
  }

  host_storage = {
    account_name  = module.storage.host_account_name
    container_url = module.storage.packages_container_url
  }

  application_insights = {
    connection_string = module.monitoring.connection_string
  }

  access = {
    front_door    = local.is_behind_front_door
    front_door_id = local.front_door_id
    ip_addresses  = var.allowed_ip_addresses
  }
}

module "edge" {
  source = "./modules/edge"
  count  = var.edge_enabled ? 1 : 0

  name                  = local.name
  resource_group_name   = azurerm_resource_group.main.name
  tags                  = local.tags
  custom_domain         = var.edge.custom_domain
  rate_limit_per_minute = var.edge.rate_limit_per_minute
  waf_mode              = var.edge.waf_mode

  # Not the app's own output, which comes after Front Door's id: the app lets nobody else in.
  origins = merge(
    { primary = { host_name = "func-${local.name}.azurewebsites.net", priority = 1 } },
    { for name, host_name in var.standby_origins : name => { host_name = host_name, priority = 2 } },
  )
}

module "monitoring" {
  source = "./modules/monitoring"

  name           = local.name
  environment    = var.environment
  location       = var.location
  tags           = local.tags
  retention_days = var.retention_days
  daily_gb_max   = var.telemetry_daily_gb_max
  postgresql_id  = module.postgresql.id
  service_bus_id = module.service_bus.id
  alert_emails   = var.alert_emails
  alert_webhooks = var.alert_webhooks
  runbooks_url   = var.runbooks_url
  budget         = var.budget

  resource_group = {
    id   = azurerm_resource_group.main.id
    name = azurerm_resource_group.main.name
  }

  function_app = {
    id        = module.function_app.id
    name      = module.function_app.name
    probe_url = "https://${local.api_host_name}"
  }

  diagnostics = merge(
    {
      function-app = { id = module.function_app.id }
      postgresql   = { id = module.postgresql.id }
      service-bus  = { id = module.service_bus.id }
      key-vault    = { id = module.key_vault.id }
      cosmos       = { id = module.cosmos.id }
      # An account itself has metrics only; its blobs have logs.
      host-storage  = { id = "${module.storage.account_ids["host"]}/blobServices/default" }
      files-storage = { id = "${module.storage.account_ids["files"]}/blobServices/default" }
    },
    var.redis == null ? {} : { redis = { id = module.redis[0].id, logs = false } },
    var.edge_enabled ? { front-door = { id = module.edge[0].id } } : {},
  )
}
