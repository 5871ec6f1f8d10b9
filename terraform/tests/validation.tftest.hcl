# What Terraform refuses before it asks Azure anything.

mock_provider "azurerm" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  environment             = "production"
  name_suffix             = "wh1"
  owner                   = "somebody"
  cost_center             = "1"
  hosting                 = "elastic_premium"
  edge_enabled            = true
  storage_replication     = "GZRS"
  service_bus             = { sku = "Premium", capacity = 1 }
  postgresql              = { sku = "GP_Standard_D2ds_v5", zone_redundant = true, geo_redundant_backup = true, backup_retention_days = 35 }
  database_administrators = { admins = { object_id = "00000000-0000-0000-0000-000000000d04" } }
  alert_emails            = ["somebody@example.com"]
  runbooks_url            = "https://example.com/docs/runbooks"
  budget                  = { amount = 1, start_date = "2026-12-01T00:00:00Z" }
}

run "accepts_what_is_right" {
  command = plan

  assert {
    condition     = output.hosting == "elastic_premium"
    error_message = "the variables of this file are valid"
  }
}

run "refuses_an_unknown_environment" {
  command = plan

  variables {
    environment = "test"
  }

  expect_failures = [var.environment]
}

run "refuses_public_network_access_in_production" {
  command = plan

  variables {
    public_network_access_enabled = true
  }

  expect_failures = [var.public_network_access_enabled]
}

run "refuses_production_without_a_firewall" {
  command = plan

  variables {
    edge_enabled = false
  }

  expect_failures = [var.edge_enabled]
}

run "refuses_production_without_slots" {
  command = plan

  variables {
    hosting = "flex"
  }

  expect_failures = [var.hosting]
}

run "refuses_a_public_service_bus_in_production" {
  command = plan

  variables {
    service_bus = {}
  }

  expect_failures = [var.service_bus]
}

run "refuses_one_copy_in_production" {
  command = plan

  variables {
    postgresql          = { sku = "GP_Standard_D2ds_v5" }
    storage_replication = "LRS"
  }

  expect_failures = [var.postgresql, var.storage_replication]
}

run "refuses_pgbouncer_where_there_is_none" {
  command = plan

  variables {
    environment = "dev"
    postgresql  = { sku = "B_Standard_B2s" }
  }

  expect_failures = [var.postgresql]
}

run "refuses_more_connections_than_the_database_takes" {
  command = plan

  variables {
    database_pool_max = 500
  }

  expect_failures = [var.database_pool_max]
}

run "refuses_everybody" {
  command = plan

  variables {
    allowed_ip_addresses = ["0.0.0.0/0"]
    cors_origins         = ["*"]
  }

  expect_failures = [var.allowed_ip_addresses, var.cors_origins]
}

run "refuses_private_addresses" {
  command = plan

  variables {
    allowed_ip_addresses = ["10.0.0.1"]
  }

  expect_failures = [var.allowed_ip_addresses]
}

run "refuses_alerts_that_tell_nobody" {
  command = plan

  variables {
    alert_emails = []
  }

  expect_failures = [var.alert_emails]
}

run "refuses_a_budget_from_the_middle_of_a_month" {
  command = plan

  variables {
    budget = { amount = 1, start_date = "2026-12-15T00:00:00Z" }
  }

  expect_failures = [var.budget]
}

run "refuses_to_stand_by_without_a_replica" {
  command = plan

  variables {
    is_standby = true
  }

  expect_failures = [var.is_standby]
}
