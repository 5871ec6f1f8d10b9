# The project as project.tfvars has it, planned against mocks: `terraform test -var-file=project.tfvars`.

mock_provider "azurerm" {
  override_during = plan
  mock_resource "azurerm_user_assigned_identity" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app" }
  }
}
mock_provider "azuredevops" {
  override_during = plan
  mock_data "azuredevops_users" {
    defaults = { users = [{ descriptor = "aad.x" }] }
  }
}
override_data {
  target = data.terraform_remote_state.environments
  values = { outputs = { resource_group_name = "rg", function_app_name = "f", api_url = "https://x", database_direct_url = "postgres://id-inventory-dev@h:5432/inventory?sslmode=verify-full", application_insights_id = "i", packages_container_url = "p", key_vault_name = "k" } }
}
run "plan" {
  command = plan
  assert {
    condition     = one([for v in azuredevops_variable_group.settings["inventory-dev"].variable : v.value if v.name == "DATABASE_DIRECT_URL"]) == "postgres://inventory-database-admins-dev@h:5432/inventory?sslmode=verify-full"
    error_message = "migrations come by the administrators' role: ${jsonencode(azuredevops_variable_group.settings["inventory-dev"].variable)}"
  }
  assert {
    condition     = length(azuredevops_environment.main) == 8 && length(azuredevops_check_approval.main) == 6 && length(azuredevops_variable_group.secrets) == 2 && length(azuredevops_agent_pool.main) == 4
    error_message = "two environments of each kind with three approvals, two vaults that can be linked, four pools"
  }
}
