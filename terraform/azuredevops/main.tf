locals {
  # Policies hold for these; `Prefix` for all releases.
  protected = {
    main    = { ref = "refs/heads/main", match = "Exact" }
    develop = { ref = "refs/heads/develop", match = "Exact" }
    release = { ref = "refs/heads/release/", match = "Prefix" }
  }

  linked    = { for name, environment in var.environments : name => environment if environment.vault_is_reachable }
  approvers = toset(flatten([for environment in var.environments : environment.approvers]))

  # What is deployed to: the app of each environment, and its infrastructure.
  targets = merge(
    { for name, environment in var.environments : "inventory-${name}" => merge(environment, { name = name, pipeline = "deploy" }) },
    { for name, environment in var.environments : "inventory-infrastructure-${name}" => merge(environment, { name = name, pipeline = "infrastructure" }) },
  )
  approved = { for name, target in local.targets : name => target if length(target.approvers) > 0 }

  # What an environment's Terraform says of it; empty before it was applied.
  outputs = { for name in keys(var.environments) : name => data.terraform_remote_state.environments[name].outputs }
}

data "terraform_remote_state" "environments" {
  for_each = var.environments

  backend = "azurerm"

  config = {
    resource_group_name  = split("/", var.state_storage_account_id)[4]
    storage_account_name = split("/", var.state_storage_account_id)[8]
    container_name       = "tfstate-${each.key}"
    key                  = "inventory.tfstate"
    use_azuread_auth     = true
  }

  defaults = {
    resource_group_name     = ""
    function_app_name       = ""
    api_url                 = ""
    database_direct_url     = ""
    application_insights_id = ""
    packages_container_url  = ""
    key_vault_name          = ""
  }
}

resource "azuredevops_project" "main" {
  name               = var.project_name
  description        = "Inventory management: products, stock, orders."
  visibility         = "private"
  version_control    = "Git"
  work_item_template = "Agile"

  features = {
    boards       = "enabled"
    repositories = "enabled"
    pipelines    = "enabled"
    testplans    = "disabled"
    artifacts    = "enabled"
  }
}

resource "azuredevops_git_repository" "main" {
  project_id     = azuredevops_project.main.id
  name           = var.repository_name
  default_branch = "refs/heads/main"

  initialization {
    init_type = "Clean"
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [initialization]
  }
}
