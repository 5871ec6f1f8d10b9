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
    yml_path    = each.value
  }
}

# What is no secret: for who deploys the app, for who runs Terraform, for who signs. The pipelines' files say what they read.
locals {
  settings = merge(
    { for name, environment in var.environments : "inventory-${name}" => {
      pipeline = "deploy"
      variables = {
        RESOURCE_GROUP          = local.outputs[name].resource_group_name
        FUNCTION_APP            = local.outputs[name].function_app_name
        API_URL                 = local.outputs[name].api_url
        APPLICATION_INSIGHTS_ID = local.outputs[name].application_insights_id
        PACKAGES_URL            = local.outputs[name].packages_container_url
        KEY_VAULT               = local.outputs[name].key_vault_name
        # By the administrators' role, not the app's.
        DATABASE_DIRECT_URL = replace(local.outputs[name].database_direct_url, "/\\/\\/[^@]*@/", "//${environment.database_role}@")
      }
    } },
    { for name, environment in var.environments : "inventory-infrastructure-${name}" => {
      pipeline = "infrastructure"
      variables = {
        ARM_CLIENT_ID             = azurerm_user_assigned_identity.pipelines["inventory-infrastructure-${name}"].client_id
        ARM_TENANT_ID             = var.tenant_id
        ARM_SUBSCRIPTION_ID       = environment.subscription_id
        ARM_SERVICE_CONNECTION_ID = azuredevops_serviceendpoint_azurerm.main["inventory-infrastructure-${name}"].id
      }
    } },
  )
}

resource "azuredevops_variable_group" "settings" {
  for_each = local.settings

  project_id   = azuredevops_project.main.id
  name         = each.key
  description  = "What its pipeline reads; no secret."
  allow_access = false

  dynamic "variable" {
    for_each = each.value.variables

    content {
      name  = variable.key
      value = variable.value
    }
  }
}

resource "azuredevops_variable_group" "artifacts" {
  project_id   = azuredevops_project.main.id
  name         = "inventory-artifacts"
  description  = "Where what is built is signed and kept."
  allow_access = false

  variable {
    name  = "SIGNING_VAULT"
    value = var.artifacts.signing_vault
  }

  variable {
    name  = "CONTAINER_REGISTRY"
    value = var.artifacts.container_registry
  }
}

# What is a secret stays in the Key Vault and is read from there by each run.
resource "azuredevops_variable_group" "secrets" {
  for_each = local.linked

  project_id   = azuredevops_project.main.id
  name         = "inventory-${each.key}-secrets"
  description  = "Secrets of ${each.key} that its pipelines may read."
  allow_access = false

  key_vault {
    name                = each.value.key_vault_name
    service_endpoint_id = azuredevops_serviceendpoint_azurerm.main["inventory-${each.key}"].id
  }

  dynamic "variable" {
    for_each = var.vault_secrets

    content {
      name = variable.value
    }
  }
}

# Each pipeline gets at its own environments, connections and variables, and at no others.
resource "azuredevops_pipeline_authorization" "environments" {
  for_each = local.targets

  project_id  = azuredevops_project.main.id
  resource_id = azuredevops_environment.main[each.key].id
  type        = "environment"
  pipeline_id = azuredevops_build_definition.main[each.value.pipeline].id
}

resource "azuredevops_pipeline_authorization" "connections" {
  for_each = local.targets

  project_id  = azuredevops_project.main.id
  resource_id = azuredevops_serviceendpoint_azurerm.main[each.key].id
  type        = "endpoint"
  pipeline_id = azuredevops_build_definition.main[each.value.pipeline].id
}

resource "azuredevops_pipeline_authorization" "settings" {
  for_each = local.settings

  project_id  = azuredevops_project.main.id
  resource_id = azuredevops_variable_group.settings[each.key].id
  type        = "variablegroup"
  pipeline_id = azuredevops_build_definition.main[each.value.pipeline].id
}

resource "azuredevops_pipeline_authorization" "secrets" {
  for_each = local.linked

  project_id  = azuredevops_project.main.id
  resource_id = azuredevops_variable_group.secrets[each.key].id
  type        = "variablegroup"
  pipeline_id = azuredevops_build_definition.main["deploy"].id
}

# CI signs; a deployment looks at the signature.
resource "azuredevops_pipeline_authorization" "artifacts" {
  for_each = toset(["ci", "deploy"])

  project_id  = azuredevops_project.main.id
  resource_id = azuredevops_variable_group.artifacts.id
  type        = "variablegroup"
  pipeline_id = azuredevops_build_definition.main[each.value].id
}

resource "azuredevops_pipeline_authorization" "signing" {
  project_id  = azuredevops_project.main.id
  resource_id = azuredevops_serviceendpoint_azurerm.main["inventory-artifacts"].id
  type        = "endpoint"
  pipeline_id = azuredevops_build_definition.main["ci"].id
}
