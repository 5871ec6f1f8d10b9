locals {
  # Policies hold for these; `Prefix` for all releases.
  protected = {
    main    = { ref = "refs/heads/main", match = "Exact" }
    develop = { ref = "refs/heads/develop", match = "Exact" }
    release = { ref = "refs/heads/release/", match = "Prefix" }
  }

  approved  = { for name, environment in var.environments : name => environment if length(environment.approvers) > 0 }
  linked    = { for name, environment in var.environments : name => environment if environment.vault_is_reachable }
  approvers = toset(flatten([for environment in var.environments : environment.approvers]))
  deploying = { for name, pipeline in var.pipelines : name => pipeline if pipeline.deploys }
  deployments = { for pair in setproduct(keys(local.deploying), keys(var.environments)) :
    "${pair[0]}-${pair[1]}" => { pipeline = pair[0], environment = pair[1] }
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
