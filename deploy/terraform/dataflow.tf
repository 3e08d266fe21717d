# What only Dataflow needs: a bucket for the template, for what is staged and for temporary files, and a repository for the image.

resource "google_storage_bucket" "staging" {
  count = var.dataflow ? 1 : 0

  project                     = var.project
  name                        = "${var.project}-headrace"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  encryption {
    default_kms_key_name = google_kms_crypto_key.regional.id
  }

  versioning {
    enabled = true
  }

  # Nothing is deleted by age: a running job's workers read what was staged when it started.
  lifecycle_rule {
    condition {
      num_newer_versions = 10
    }
    action {
      type = "Delete"
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.storage_agent_regional_key_dataflow]
}

resource "google_artifact_registry_repository" "images" {
  count = var.dataflow ? 1 : 0

  project       = var.project
  location      = var.region
  repository_id = "headrace"
  format        = "DOCKER"
  kms_key_name  = google_kms_crypto_key.regional.id

  docker_config {
    immutable_tags = true
  }

  depends_on = [google_kms_crypto_key_iam_member.images_agent_regional_key_dataflow]
}
