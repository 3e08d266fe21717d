# Datasets; their tables are made by `headrace provision`, from the contracts.

resource "google_bigquery_dataset" "headrace" {
  project    = var.project
  dataset_id = var.dataset
  location   = var.location

  default_encryption_configuration {
    kms_key_name = google_kms_crypto_key.data.id
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [access]
  }

  depends_on = [google_kms_crypto_key_iam_member.bigquery_agent_key]
}

# The dead letters' archive: whoever reads tables may not read raw messages.
resource "google_bigquery_dataset" "archive" {
  project    = var.project
  dataset_id = var.archive_dataset
  location   = var.location

  default_encryption_configuration {
    kms_key_name = google_kms_crypto_key.data.id
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [access]
  }

  depends_on = [google_kms_crypto_key_iam_member.bigquery_agent_key]
}
