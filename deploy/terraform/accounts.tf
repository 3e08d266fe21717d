# Service accounts; who else acts as an identity is in var.members. No keys are made: use the account of the machine,
# workload identity, or impersonation.

data "google_project" "this" {
  project_id = var.project
}

resource "google_project_service" "apis" {
  for_each = toset(concat(
    ["bigquery.googleapis.com", "bigquerydatatransfer.googleapis.com", "cloudkms.googleapis.com", "iam.googleapis.com"],
    ["logging.googleapis.com", "monitoring.googleapis.com", "pubsub.googleapis.com", "secretmanager.googleapis.com"],
    var.budget == null ? [] : ["billingbudgets.googleapis.com"],
    var.dataflow ? ["artifactregistry.googleapis.com", "compute.googleapis.com", "dataflow.googleapis.com"] : [],
    var.dataflow ? ["storage.googleapis.com"] : [],
  ))

  project            = var.project
  service            = each.value
  disable_on_destroy = false
}

resource "google_service_account" "headrace" {
  for_each = local.services

  project      = var.project
  account_id   = "headrace-${replace(each.key, "_", "-")}"
  display_name = "Headrace: ${each.key}"
  description  = each.value

  depends_on = [google_project_service.apis]
}

# Who has read a key is written down.
resource "google_project_iam_audit_config" "secrets" {
  project = var.project
  service = "secretmanager.googleapis.com"

  audit_log_config {
    log_type = "DATA_READ"
  }
}
