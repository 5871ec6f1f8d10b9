# What a file of environments/ says, for tests.

terraform {
  required_providers {
    terraform = {
      source = "terraform.io/builtin/terraform"
    }
  }
}

variable "environment" {
  description = "Name of the file, without .tfvars."
  type        = string
}

output "values" {
  description = "Its variables."
  value       = provider::terraform::decode_tfvars(file("${path.module}/../../environments/${var.environment}.tfvars"))
}
