terraform {
  # 1.9: a variable's validation may look at other variables.
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.0"
    }
  }

  # Where the state is differs by environment: `terraform init -backend-config=environments/NAME.tfbackend`. The backend locks
  # the state by a lease on its blob, and is opened by the caller's own identity, never by a key.
  backend "azurerm" {
    use_azuread_auth = true
  }
}

provider "azurerm" {
  # The storage accounts refuse shared keys.
  storage_use_azuread = true
  # Resource providers are registered once, by whoever owns the subscription (README).
  resource_provider_registrations = "none"

  features {
    key_vault {
      # Purge protection forbids it.
      purge_soft_delete_on_destroy    = false
      recover_soft_deleted_key_vaults = true
    }
    resource_group {
      prevent_deletion_if_contains_resources = true
    }
  }
}
