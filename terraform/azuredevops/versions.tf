terraform {
  required_version = ">= 1.9"

  required_providers {
    azuredevops = {
      source  = "microsoft/azuredevops"
      version = "~> 1.15"
    }
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.0"
    }
  }

  # `terraform init -backend-config=project.tfbackend`.
  backend "azurerm" {
    use_azuread_auth = true
  }
}

# Signs in as the Azure CLI does.
provider "azuredevops" {
  org_service_url = var.organization_url
}

provider "azurerm" {
  subscription_id                 = var.pipelines_subscription_id
  resource_provider_registrations = "none"

  features {}
}
