locals {
  accounts = {
    # Of the Functions host: leases, timers' state, keys, and the packages that run.
    host = { name = "st${var.short_name}host", versioning = false }
    # Of the program: exports and imports.
    files = { name = "st${var.short_name}files", versioning = true }
  }
}

resource "azurerm_storage_account" "main" {
  for_each = local.accounts

  name                = each.value.name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  account_kind                      = "StorageV2"
  account_tier                      = "Standard"
  account_replication_type          = var.replication
  access_tier                       = "Hot"
  infrastructure_encryption_enabled = true

  min_tls_version                  = "TLS1_2"
  https_traffic_only_enabled       = true
  shared_access_key_enabled        = false
  default_to_oauth_authentication  = true
  local_user_enabled               = false
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false
  public_network_access_enabled    = var.public_network_access_enabled

  network_rules {
    default_action = "Deny"
    bypass         = ["None"]
    ip_rules       = var.allowed_ip_addresses
  }

  blob_properties {
    versioning_enabled = each.value.versioning

    delete_retention_policy {
      days = 14
    }

    container_delete_retention_policy {
      days = 14
    }
  }
}

resource "azurerm_storage_container" "packages" {
  name                  = "packages"
  storage_account_id    = azurerm_storage_account.main["host"].id
  container_access_type = "private"
}

resource "azurerm_storage_container" "files" {
  name                  = "files"
  storage_account_id    = azurerm_storage_account.main["files"].id
  container_access_type = "private"
}

# The program deletes its files by itself; this is for what it has lost sight of.
resource "azurerm_storage_management_policy" "files" {
  storage_account_id = azurerm_storage_account.main["files"].id

  rule {
    name    = "expire-files"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["files/"]
    }

    actions {
      base_blob {
        delete_after_days_since_modification_greater_than = var.files_retention_days + 7
      }

      version {
        delete_after_days_since_creation = 14
      }
    }
  }
}

# Beside the packages lie the backups from before each migration, as long as the server keeps its own.
resource "azurerm_storage_management_policy" "host" {
  storage_account_id = azurerm_storage_account.main["host"].id

  rule {
    name    = "expire-backups"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["packages/backups/"]
    }

    actions {
      base_blob {
        delete_after_days_since_creation_greater_than = var.backup_retention_days
      }
    }
  }
}

# What the Functions host needs of its storage when it opens it by identity:
# https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
resource "azurerm_role_assignment" "host" {
  scope                = azurerm_storage_account.main["host"].id
  role_definition_name = "Storage Blob Data Owner"
  principal_id         = var.app_principal_id
  principal_type       = "ServicePrincipal"
  description          = "The Functions host: leases, timers, keys, packages."
}

resource "azurerm_role_assignment" "files" {
  scope                = azurerm_storage_container.files.id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = var.app_principal_id
  principal_type       = "ServicePrincipal"
  description          = "The program: exports and imports."
}

resource "azurerm_role_assignment" "deployers" {
  for_each = var.deployers

  scope                = azurerm_storage_container.packages.id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = each.value
  description          = "Puts packages where the app runs them from."
}
