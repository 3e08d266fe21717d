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

# Rows of a backfill on Dataflow, until all of them are written at once.
resource "google_bigquery_dataset" "loads" {
  project                     = var.project
  dataset_id                  = "${var.dataset}_loads"
  location                    = var.location
  default_table_expiration_ms = 86400000

  default_encryption_configuration {
    kms_key_name = google_kms_crypto_key.data.id
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [access]
  }

  depends_on = [google_kms_crypto_key_iam_member.bigquery_agent_key]
}

# Nothing of Google's knows how old the letters in the archive are: this query fails while one is open for too long.
resource "google_bigquery_data_transfer_config" "open_letters" {
  count = var.tables_provisioned ? 1 : 0

  project              = var.project
  location             = var.location
  display_name         = "Headrace: open dead letters"
  data_source_id       = "scheduled_query"
  schedule             = "every 24 hours"
  service_account_name = google_service_account.headrace["watcher"].email

  params = {
    query = templatefile("${path.module}/open_letters.sql", {
      project = var.project
      archive = var.archive_dataset
      days    = var.limits.open_letter_days
    })
  }

  depends_on = [
    google_bigquery_table_iam_member.watcher_facts,
    google_bigquery_table_iam_member.watcher_letters,
    google_project_iam_member.watcher_project,
  ]
}
