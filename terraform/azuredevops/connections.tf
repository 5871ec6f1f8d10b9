# Pipelines come to Azure by tokens that Azure DevOps gives and Entra ID believes: there is no secret to keep or to rotate.

resource "azurerm_resource_group" "pipelines" {
  name     = "rg-inventory-pipelines"
  location = var.location
  tags     = var.tags
}

# For each environment one that deploys the app and one that runs Terraform, and one for what is built.
locals {
  connections = merge(
    { for name, target in local.targets : name => { subscription_id = target.subscription_id, subscription_name = target.subscription_name } },
    { inventory-artifacts = { subscription_id = var.artifacts.subscription_id, subscription_name = var.artifacts.subscription_name } },
  )
}

resource "azurerm_user_assigned_identity" "pipelines" {
  for_each = local.connections

  name                = "id-pipelines-${each.key}"
  resource_group_name = azurerm_resource_group.pipelines.name
  location            = var.location
  tags                = var.tags
}

resource "azuredevops_serviceendpoint_azurerm" "main" {
  for_each = local.connections

  project_id                             = azuredevops_project.main.id
  service_endpoint_name                  = each.key
  description                            = "Comes to Azure by workload identity federation."
  service_endpoint_authentication_scheme = "WorkloadIdentityFederation"
  azurerm_spn_tenantid                   = var.tenant_id
  azurerm_subscription_id                = each.value.subscription_id
  azurerm_subscription_name              = each.value.subscription_name

  credentials {
    serviceprincipalid = azurerm_user_assigned_identity.pipelines[each.key].client_id
  }
}

resource "azurerm_federated_identity_credential" "main" {
  for_each = local.connections

  name                      = "azure-devops"
  user_assigned_identity_id = azurerm_user_assigned_identity.pipelines[each.key].id
  audience                  = ["api://AzureADTokenExchange"]
  issuer                    = azuredevops_serviceendpoint_azurerm.main[each.key].workload_identity_federation_issuer
  subject                   = azuredevops_serviceendpoint_azurerm.main[each.key].workload_identity_federation_subject
}

# Who deploys swaps slots and asks the alerts' queries. What else it needs the environment's module gives it: packages
# (deployers), migrations (the group of database administrators).
resource "azurerm_role_assignment" "deploy" {
  for_each = { for pair in setproduct(keys(var.environments), ["Website Contributor", "Monitoring Reader"]) :
    "${pair[0]} ${pair[1]}" => { environment = pair[0], role = pair[1] }
  }

  scope                = "/subscriptions/${var.environments[each.value.environment].subscription_id}"
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.pipelines["inventory-${each.value.environment}"].principal_id
  principal_type       = "ServicePrincipal"
  description          = "Deploys the app in ${each.value.environment}, and watches it."
}

resource "azurerm_role_assignment" "contributor" {
  for_each = var.environments

  scope                = "/subscriptions/${each.value.subscription_id}"
  role_definition_name = "Contributor"
  principal_id         = azurerm_user_assigned_identity.pipelines["inventory-infrastructure-${each.key}"].principal_id
  principal_type       = "ServicePrincipal"
  description          = "Makes and changes resources of ${each.key}."
}

# Looks at a signature before it deploys: reads the public half of the key, and cannot sign.
resource "azurerm_role_assignment" "verify" {
  for_each = var.environments

  scope                = "/subscriptions/${var.artifacts.subscription_id}/resourceGroups/${var.artifacts.resource_group}/providers/Microsoft.KeyVault/vaults/${var.artifacts.signing_vault}"
  role_definition_name = "Key Vault Reader"
  principal_id         = azurerm_user_assigned_identity.pipelines["inventory-${each.key}"].principal_id
  principal_type       = "ServicePrincipal"
  description          = "Checks in ${each.key} what was signed."
}

# Signs, and pushes images.
resource "azurerm_role_assignment" "artifacts" {
  for_each = toset(concat(["Key Vault Crypto User"], var.artifacts.container_registry == "" ? [] : ["AcrPush"]))

  scope = join("/", concat(
    ["/subscriptions/${var.artifacts.subscription_id}/resourceGroups/${var.artifacts.resource_group}/providers"],
    each.value == "AcrPush" ? ["Microsoft.ContainerRegistry/registries", var.artifacts.container_registry] : ["Microsoft.KeyVault/vaults", var.artifacts.signing_vault],
  ))
  role_definition_name = each.value
  principal_id         = azurerm_user_assigned_identity.pipelines["inventory-artifacts"].principal_id
  principal_type       = "ServicePrincipal"
  description          = "Signs what is built, and keeps it."
}

locals {
  # The roles that the environments' module gives, by their ids, which are the same in every tenant.
  assignable = [
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", # Storage Blob Data Owner
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe", # Storage Blob Data Contributor
    "4633458b-17de-408a-b874-0445c86b69e6", # Key Vault Secrets User
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7", # Key Vault Secrets Officer
    "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", # Azure Service Bus Data Receiver
    "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", # Azure Service Bus Data Sender
  ]
}

# A pipeline gives the roles that the module gives, and no others: it cannot make itself owner.
# https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
resource "azurerm_role_assignment" "roles" {
  for_each = var.environments

  scope                = "/subscriptions/${each.value.subscription_id}"
  role_definition_name = "Role Based Access Control Administrator"
  principal_id         = azurerm_user_assigned_identity.pipelines["inventory-infrastructure-${each.key}"].principal_id
  principal_type       = "ServicePrincipal"
  description          = "Gives the app of ${each.key} its roles."
  condition_version    = "2.0"
  condition            = <<-EOT
    (
     (
      !(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})
     )
     OR
     (
      @Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${join(", ", local.assignable)}}
     )
    )
    AND
    (
     (
      !(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})
     )
     OR
     (
      @Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${join(", ", local.assignable)}}
     )
    )
  EOT
}

resource "azurerm_role_assignment" "state" {
  for_each = var.environments

  scope                = "${var.state_storage_account_id}/blobServices/default/containers/tfstate-${each.key}"
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = azurerm_user_assigned_identity.pipelines["inventory-infrastructure-${each.key}"].principal_id
  principal_type       = "ServicePrincipal"
  description          = "Reads, locks and writes the state of ${each.key}, and of nothing else."
}
