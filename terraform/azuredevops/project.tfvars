organization_url          = "https://dev.azure.com/example"
tenant_id                 = "00000000-0000-0000-0000-000000000000"
pipelines_subscription_id = "00000000-0000-0000-0000-000000000000"
state_storage_account_id  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-inventory-tfstate/providers/Microsoft.Storage/storageAccounts/stinvtfstatewh1"

artifacts = {
  subscription_id   = "00000000-0000-0000-0000-000000000000"
  subscription_name = "inventory-artifacts"
  resource_group    = "rg-inventory-artifacts"
  signing_vault     = "kv-inventory-artifacts"
}

environments = {
  dev = {
    subscription_id   = "00000000-0000-0000-0000-000000000000"
    subscription_name = "inventory-dev"
    key_vault_name    = "kv-inventory-dev-wh1"
    database_role     = "inventory-database-admins-dev"
    branches          = ["refs/heads/develop", "refs/heads/main"]
  }
  qa = {
    subscription_id   = "00000000-0000-0000-0000-000000000000"
    subscription_name = "inventory-qa"
    key_vault_name    = "kv-inventory-qa-wh1"
    database_role     = "inventory-database-admins-qa"
    branches          = ["refs/heads/main", "refs/heads/release/*"]
    approvers         = ["qa-lead@example.com"]
  }
  staging = {
    subscription_id    = "00000000-0000-0000-0000-000000000000"
    subscription_name  = "inventory-staging"
    key_vault_name     = "kv-inventory-stg-wh1"
    database_role      = "inventory-database-admins-staging"
    vault_is_reachable = false
    branches           = ["refs/heads/main", "refs/heads/release/*"]
    approvers          = ["qa-lead@example.com", "operations@example.com"]
  }
  production = {
    subscription_id    = "00000000-0000-0000-0000-000000000000"
    subscription_name  = "inventory-production"
    key_vault_name     = "kv-inventory-prd-wh1"
    database_role      = "inventory-database-admins-production"
    vault_is_reachable = false
    branches           = ["refs/heads/main", "refs/heads/release/*", "refs/heads/hotfix/*"]
    approvers          = ["operations@example.com", "product-owner@example.com"]
    approvals_required = 2
  }
}
