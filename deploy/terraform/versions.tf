# State holds names and addresses, and no secret: keys are put in by hand (docs/terraform.md).
terraform {
  required_version = ">= 1.9"

  backend "gcs" {}

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 7.0"
    }
  }
}

provider "google" {
  project         = var.project
  region          = var.region
  billing_project = var.project

  user_project_override = true
}
