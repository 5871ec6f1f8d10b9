resource "azuredevops_environment" "main" {
  for_each = var.environments

  project_id  = azuredevops_project.main.id
  name        = each.key
  description = "The inventory's environment ${each.key}."
}

data "azuredevops_users" "approvers" {
  for_each = local.approvers

  principal_name = each.value
}

resource "azuredevops_group" "approvers" {
  for_each = local.approved

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
  approvers                  = [azuredevops_group.approvers[each.key].origin_id]
  minimum_required_approvers = each.value.approvals_required
  requester_can_approve      = false
  instructions               = "Look at the tests, the release notes and the open incidents before you approve."
  # A day; then the deployment is to be asked for again.
  timeout = 1440
}

# Only branches that are meant for an environment, and only protected ones where there is an approval.
resource "azuredevops_check_branch_control" "environments" {
  for_each = var.environments

  project_id               = azuredevops_project.main.id
  display_name             = "Branches for ${each.key}"
  target_resource_id       = azuredevops_environment.main[each.key].id
  target_resource_type     = "environment"
  allowed_branches         = join(",", each.value.branches)
  verify_branch_protection = length(each.value.approvers) > 0
}

# The service connection is what a deployment needs: a pipeline that names no environment does not get round the check.
resource "azuredevops_check_branch_control" "connections" {
  for_each = var.environments

  project_id               = azuredevops_project.main.id
  display_name             = "Branches for ${each.key}"
  target_resource_id       = azuredevops_serviceendpoint_azurerm.main[each.key].id
  target_resource_type     = "endpoint"
  allowed_branches         = join(",", each.value.branches)
  verify_branch_protection = length(each.value.approvers) > 0
}

# One deployment at a time.
resource "azuredevops_check_exclusive_lock" "main" {
  for_each = var.environments

  project_id           = azuredevops_project.main.id
  target_resource_id   = azuredevops_environment.main[each.key].id
  target_resource_type = "environment"
  timeout              = 1440
}
