# Two encryption keys, since BigQuery wants one where the data is, and Dataflow and Secret Manager one of the region; and
# the secrets that hold the job's own keys, empty until somebody puts them in.

locals {
  key_location = lookup({ EU = "europe", US = "us" }, var.location, lower(var.location))
}

resource "google_kms_key_ring" "data" {
  project  = var.project
  name     = "headrace-data"
  location = local.key_location

  depends_on = [google_project_service.apis]
}

resource "google_kms_crypto_key" "data" {
  name            = "data"
  key_ring        = google_kms_key_ring.data.id
  rotation_period = "7776000s"

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_kms_key_ring" "regional" {
  project  = var.project
  name     = "headrace-regional"
  location = var.region

  depends_on = [google_project_service.apis]
}

resource "google_kms_crypto_key" "regional" {
  name            = "regional"
  key_ring        = google_kms_key_ring.regional.id
  rotation_period = "7776000s"

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_secret_manager_secret" "keys" {
  for_each = toset(concat(["masking", "archive"], var.dataflow ? ["sealing"] : []))

  project             = var.project
  secret_id           = "headrace-${each.value}"
  deletion_protection = true

  replication {
    user_managed {
      replicas {
        location = var.region

        customer_managed_encryption {
          kms_key_name = google_kms_crypto_key.regional.id
        }
      }
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_kms_crypto_key_iam_member.secrets_agent_regional_key]
}
