# The job's logs have a bucket of their own, so that on_call reads them and no others. They hold counts, names and
# reasons, and never a payload or an id.

resource "google_logging_project_bucket_config" "job" {
  project        = var.project
  location       = var.region
  bucket_id      = "headrace"
  retention_days = 30

  depends_on = [google_project_service.apis]
}

resource "google_logging_project_sink" "job" {
  project                = var.project
  name                   = "headrace"
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.job.id}"
  filter                 = var.log_filter
  unique_writer_identity = true
}

# Else they would be in _Default too, which many may read.
resource "google_logging_project_exclusion" "job" {
  project     = var.project
  name        = "headrace"
  description = "Kept in the bucket headrace"
  filter      = var.log_filter

  depends_on = [google_logging_project_sink.job]
}

resource "google_logging_log_view" "job" {
  parent      = "projects/${var.project}"
  location    = var.region
  bucket      = google_logging_project_bucket_config.job.bucket_id
  name        = "headrace"
  description = "What the job says"
}
