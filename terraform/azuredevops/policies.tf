# Two others look at every change; the one who pushed last is not one of them, and what is pushed afterwards is looked at anew.
resource "azuredevops_branch_policy_min_reviewers" "main" {
  project_id = azuredevops_project.main.id
  enabled    = true
  blocking   = true

  settings {
    reviewer_count                         = 2
    submitter_can_vote                     = false
    last_pusher_cannot_approve             = true
    allow_completion_with_rejects_or_waits = false
    on_push_reset_approved_votes           = true

    dynamic "scope" {
      for_each = local.protected

      content {
        repository_id  = azuredevops_git_repository.main.id
        repository_ref = scope.value.ref
        match_type     = scope.value.match
      }
    }
  }
}

resource "azuredevops_branch_policy_work_item_linking" "main" {
  project_id = azuredevops_project.main.id
  enabled    = true
  blocking   = true

  settings {
    dynamic "scope" {
      for_each = local.protected

      content {
        repository_id  = azuredevops_git_repository.main.id
        repository_ref = scope.value.ref
        match_type     = scope.value.match
      }
    }
  }
}

resource "azuredevops_branch_policy_comment_resolution" "main" {
  project_id = azuredevops_project.main.id
  enabled    = true
  blocking   = true

  settings {
    dynamic "scope" {
      for_each = local.protected

      content {
        repository_id  = azuredevops_git_repository.main.id
        repository_ref = scope.value.ref
        match_type     = scope.value.match
      }
    }
  }
}

resource "azuredevops_branch_policy_build_validation" "main" {
  project_id = azuredevops_project.main.id
  enabled    = true
  blocking   = true

  settings {
    display_name                = "CI"
    build_definition_id         = azuredevops_build_definition.main["ci"].id
    manual_queue_only           = false
    queue_on_source_update_only = true
    valid_duration              = 720

    dynamic "scope" {
      for_each = local.protected

      content {
        repository_id  = azuredevops_git_repository.main.id
        repository_ref = scope.value.ref
        match_type     = scope.value.match
      }
    }
  }
}

# History is a line: a pull request becomes one commit or is rebased.
resource "azuredevops_branch_policy_merge_types" "main" {
  project_id = azuredevops_project.main.id
  enabled    = true
  blocking   = true

  settings {
    allow_squash                  = true
    allow_rebase_and_fast_forward = true
    allow_basic_no_fast_forward   = false
    allow_rebase_with_merge       = false

    dynamic "scope" {
      for_each = local.protected

      content {
        repository_id  = azuredevops_git_repository.main.id
        repository_ref = scope.value.ref
        match_type     = scope.value.match
      }
    }
  }
}

data "azuredevops_group" "main" {
  for_each = toset(["Contributors", "Build Administrators", "Project Administrators"])

  project_id = azuredevops_project.main.id
  name       = each.value
}

# Nobody rewrites history or goes round the policies, administrators neither.
resource "azuredevops_git_permissions" "main" {
  for_each = data.azuredevops_group.main

  project_id    = azuredevops_project.main.id
  repository_id = azuredevops_git_repository.main.id
  principal     = each.value.id
  replace       = false

  permissions = {
    ForcePush               = "Deny"
    PolicyExempt            = "Deny"
    PullRequestBypassPolicy = "Deny"
  }
}
