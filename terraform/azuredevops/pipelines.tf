resource "azuredevops_build_definition" "main" {
  for_each = var.pipelines

  project_id              = azuredevops_project.main.id
  name                    = "inventory-${each.key}"
  path                    = "\\"
  agent_pool_name         = var.agent_pool_name
  job_authorization_scope = "project"

  ci_trigger {
    use_yaml = true
  }

  features {
    # Its file may not be there yet.
    skip_first_run = true
  }

  repository {
    repo_type   = "TfsGit"
    repo_id     = azuredevops_git_repository.main.id
    branch_name = azuredevops_git_repository.main.default_branch
    yml_path    = each.value.file
  }
}

# What is no secret.
resource "azuredevops_variable_group" "settings" {
  for_each = var.environments

  project_id   = azuredevops_project.main.id
  name         = "inventory-${each.key}"
  description  = "Where ${each.key} is."
  allow_access = false

  variable {
    name  = "AZURE_SERVICE_CONNECTION"
    value = azuredevops_serviceendpoint_azurerm.main[each.key].service_endpoint_name
  }

  variable {
    name  = "AZURE_SUBSCRIPTION_ID"
    value = each.value.subscription_id
  }

  variable {
    name  = "KEY_VAULT_NAME"
    value = each.value.key_vault_name
  }
}

# What is one stays in the Key Vault and is read from there by each run.
resource "azuredevops_variable_group" "secrets" {
  for_each = local.linked

  project_id   = azuredevops_project.main.id
  name         = "inventory-${each.key}-secrets"
  description  = "Secrets of ${each.key} that its pipelines may read."
  allow_access = false

  key_vault {
    name                = each.value.key_vault_name
    service_endpoint_id = azuredevops_serviceendpoint_azurerm.main[each.key].id
  }

  dynamic "variable" {
    for_each = var.vault_secrets

    content {
      name = variable.value
    }
  }
}

# Pipelines that deploy get at an environment's things; no others.
resource "azuredevops_pipeline_authorization" "connections" {
  for_each = local.deployments

  project_id  = azuredevops_project.main.id
  resource_id = azuredevops_serviceendpoint_azurerm.main[each.value.environment].id
  type        = "endpoint"
  pipeline_id = azuredevops_build_definition.main[each.value.pipeline].id
}

resource "azuredevops_pipeline_authorization" "environments" {
  for_each = local.deployments

  project_id  = azuredevops_project.main.id
  resource_id = azuredevops_environment.main[each.value.environment].id
  type        = "environment"
  pipeline_id = azuredevops_build_definition.main[each.value.pipeline].id
}

resource "azuredevops_pipeline_authorization" "settings" {
  for_each = local.deployments

  project_id  = azuredevops_project.main.id
  resource_id = azuredevops_variable_group.settings[each.value.environment].id
  type        = "variablegroup"
  pipeline_id = azuredevops_build_definition.main[each.value.pipeline].id
}

resource "azuredevops_pipeline_authorization" "secrets" {
  for_each = { for name, deployment in local.deployments : name => deployment if contains(keys(local.linked), deployment.environment) }

  project_id  = azuredevops_project.main.id
  resource_id = azuredevops_variable_group.secrets[each.value.environment].id
  type        = "variablegroup"
  pipeline_id = azuredevops_build_definition.main[each.value.pipeline].id
}
