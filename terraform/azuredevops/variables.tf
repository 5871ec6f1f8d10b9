variable "organization_url" {
  description = "Azure DevOps organization."
  type        = string

  validation {
    condition     = startswith(var.organization_url, "https://")
    error_message = "organization_url must be an https address, such as https://dev.azure.com/example."
  }
}

variable "project_name" {
  description = "Name of the project."
  type        = string
  default     = "inventory"
}

variable "repository_name" {
  description = "Name of the repository."
  type        = string
  default     = "inventory"
}

variable "tenant_id" {
  description = "Entra tenant."
  type        = string
}

variable "pipelines_subscription_id" {
  description = "Subscription that the pipelines' identities are in."
  type        = string
}

variable "location" {
  description = "Azure region of the pipelines' identities."
  type        = string
  default     = "westeurope"
}

variable "tags" {
  description = "Tags of the resources in Azure."
  type        = map(string)
  default     = { project = "inventory", managed-by = "terraform" }
}

variable "state_storage_account_id" {
  description = "Storage account that holds Terraform's states, in a container tfstate-ENVIRONMENT each."
  type        = string
}

variable "agent_pool_name" {
  description = "Pool of agents that pipelines run on unless their file names another."
  type        = string
  default     = "Azure Pipelines"
}

variable "environments" {
  description = "Environments: where they are; the role by which migrations come to the database (its group of administrators); which branches may be deployed there; who approves it (user names) and how many of them must. Nobody named: no approval."
  type = map(object({
    subscription_id    = string
    subscription_name  = string
    key_vault_name     = string
    database_role      = string
    branches           = list(string)
    approvers          = optional(list(string), [])
    approvals_required = optional(number, 1)
    # Whether Azure DevOps itself gets through to the vault, to list its secrets: not where only the network does.
    vault_is_reachable = optional(bool, true)
  }))

  validation {
    condition     = alltrue([for name in ["qa", "staging", "production"] : length(try(var.environments[name].approvers, [])) > 0])
    error_message = "qa, staging and production are deployed behind an approval: name approvers."
  }

  validation {
    condition     = alltrue([for environment in var.environments : environment.approvals_required >= 1 && (length(environment.approvers) == 0 || environment.approvals_required <= length(environment.approvers))])
    error_message = "approvals_required must be 1 at least and no more than there are approvers."
  }

  validation {
    condition     = alltrue([for environment in var.environments : length(environment.branches) > 0 && alltrue([for branch in environment.branches : startswith(branch, "refs/heads/")])])
    error_message = "branches must be full names, such as refs/heads/main."
  }
}

variable "vault_secrets" {
  description = "Secrets of each environment's Key Vault that pipelines may read."
  type        = list(string)
  default     = ["smoke-client-secret"]

  validation {
    condition     = length(setintersection(toset(var.vault_secrets), toset(["jwt-keys", "webhook-master-key"]))) == 0
    error_message = "the program's own secrets are not for pipelines."
  }
}

variable "pipelines" {
  description = "Pipelines, by name: their files."
  type        = map(string)
  default = {
    ci             = "azure-pipelines.yml"
    deploy         = ".azuredevops/deploy.yml"
    infrastructure = ".azuredevops/infrastructure.yml"
  }

  validation {
    condition     = toset(keys(var.pipelines)) == toset(["ci", "deploy", "infrastructure"])
    error_message = "pipelines must be ci, which validates pull requests, deploy and infrastructure."
  }
}

variable "artifacts" {
  description = "Where what is built is signed and kept: subscription, the Key Vault with the key that signs, and the container registry (empty: images are not pushed)."
  type = object({
    subscription_id    = string
    subscription_name  = string
    resource_group     = string
    signing_vault      = string
    container_registry = optional(string, "")
  })
}
