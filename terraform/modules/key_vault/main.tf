# Secrets are written by `inventory secrets` or the portal, never by Terraform: what Terraform writes stands in its state.
resource "azurerm_key_vault" "main" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  tenant_id           = var.tenant_id
  sku_name            = "standard"
  tags                = var.tags

  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = 90
  public_network_access_enabled = var.public_network_access_enabled

  network_acls {
    default_action = "Deny"
    bypass         = "None"
    ip_rules       = var.allowed_ip_addresses
  }
}

resource "azurerm_role_assignment" "app" {
  scope                = azurerm_key_vault.main.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = var.app_principal_id
  principal_type       = "ServicePrincipal"
  description          = "The program reads its secrets."
}

resource "azurerm_role_assignment" "officers" {
  for_each = var.secrets_officers

  scope                = azurerm_key_vault.main.id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = each.value
  description          = "Writes and rotates secrets."
}
