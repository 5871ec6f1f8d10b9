resource "azuredevops_environment" "main" {
  for_each = local.targets

  project_id  = azuredevops_project.main.id
  name        = each.key
  description = each.value.pipeline == "deploy" ? "The app in ${each.value.name}." : "What Terraform makes for ${each.value.name}."
}

data "azuredevops_users" "approvers" {
  for_each = local.approvers

  principal_name = each.value
}

resource "azuredevops_group" "approvers" {
  for_each = { for name, environment in var.environments : name => environment if length(environment.approvers) > 0 }

  scope        = azuredevops_project.main.id
  display_name = "inventory-approvers-${each.key}"
  description  = "Who approves what goes to ${each.key}."
  members      = [for user in each.value.approvers : one(data.azuredevops_users.approvers[user].users).descriptor]
}

resource "azuredevops_check_approval" "main" {
  for_each = local.approved

  project_id                 = azuredevops_project.main.id
  target_resource_id         = azuredevops_environment.main[each.key].id
  target_resource_type       = "environment"
  approvers                  = [azuredevops_group.approvers[each.value.name].origin_id]
  minimum_required_approvers = each.value.approvals_required
  requester_can_approve      = false
  instructions               = "Look at the tests, the plan or the release notes, and the open incidents before you approve."
  # A day; then the deployment is to be asked for again.
  timeout = 1440
}

# Only branches that are meant for an environment, and only protected ones where there is an approval.
resource "azuredevops_check_branch_control" "environments" {
  for_each = local.targets

  project_id               = azuredevops_project.main.id
  display_name             = "Branches for ${each.key}"
  target_resource_id       = azuredevops_environment.main[each.key].id
  target_resource_type     = "environment"
  allowed_branches         = join(",", each.value.branches)
  verify_branch_protection = length(each.value.approvers) > 0
}

# The connection is what a deployment needs: a pipeline that names no environment does not get round the check. Not so for
# infrastructure: a pull request is planned with it.
resource "azuredevops_check_branch_control" "connections" {
  for_each = var.environments

  project_id               = azuredevops_project.main.id
  display_name             = "Branches for inventory-${each.key}"
  target_resource_id       = azuredevops_serviceendpoint_azurerm.main["inventory-${each.key}"].id
  target_resource_type     = "endpoint"
  allowed_branches         = join(",", each.value.branches)
  verify_branch_protection = length(each.value.approvers) > 0
}

# One deployment at a time.
resource "azuredevops_check_exclusive_lock" "main" {
  for_each = local.targets

  project_id           = azuredevops_project.main.id
  target_resource_id   = azuredevops_environment.main[each.key].id
  target_resource_type = "environment"
  timeout              = 1440
}

# Agents that deploy and migrate: inside the network of staging and production, whose services do not answer elsewhere, and at
# an address that dev and qa let in (allowed_ip_addresses). The machines are yours to add.
resource "azuredevops_agent_pool" "main" {
  for_each = var.environments

  name           = "inventory-${each.key}"
  auto_provision = false
  auto_update    = true
}

resource "azuredevops_agent_queue" "main" {
  for_each = azuredevops_agent_pool.main

  project_id    = azuredevops_project.main.id
  agent_pool_id = each.value.id
}

resource "azuredevops_pipeline_authorization" "agents" {
  for_each = azuredevops_agent_queue.main

  project_id  = azuredevops_project.main.id
  resource_id = each.value.id
  type        = "queue"
  pipeline_id = azuredevops_build_definition.main["deploy"].id
}
