locals {
  name        = "${var.project}-${local.short_names[var.environment]}-${var.name_suffix}"
  short_names = { dev = "dev", qa = "qa", staging = "stg", production = "prd" }
  # For names without hyphens and of 24 characters at most.
  short_name = "${substr(var.project, 0, 3)}${local.short_names[var.environment]}${var.name_suffix}"

  tags = merge(var.tags, {
    project     = var.project
    environment = var.environment
    owner       = var.owner
    cost-center = var.cost_center
    managed-by  = "terraform"
  })

  # Functions and their triggers, as recorded; a test holds the record against functions/*/function.json.
  functions            = jsondecode(file("${path.module}/functions.json"))
  background_functions = toset([for name, trigger in local.functions : name if trigger != "httpTrigger"])
  # The same from the function.json files, where they are there: this folder may have come alone.
  function_files = { for path in fileset(path.module, "../functions/*/function.json") :
    basename(dirname(path)) => jsondecode(file("${path.module}/${path}")).bindings[0].type
  }

  is_behind_front_door = var.edge_enabled || var.front_door_id != null
  front_door_id        = var.edge_enabled ? one(module.edge[*].front_door_id) : var.front_door_id
  # Where the API is reached from outside.
  api_host_name = var.edge_enabled ? coalesce(var.edge.custom_domain, one(module.edge[*].host_name)) : module.function_app.host_name
}
