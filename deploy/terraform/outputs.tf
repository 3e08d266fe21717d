output "accounts" {
  description = "The service account of each identity"
  value       = { for name, account in google_service_account.headrace : name => account.email }
}

output "secrets" {
  description = "Where the keys belong"
  value       = { for name, secret in google_secret_manager_secret.keys : name => secret.id }
}

output "dataflow" {
  description = "What `[dataflow]` in headrace.toml needs to know"
  value = var.dataflow ? {
    staging         = google_storage_bucket.staging[0].url
    images          = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images[0].repository_id}"
    service_account = google_service_account.headrace["job"].email
    kms_key         = google_kms_crypto_key.regional.id
  } : null
}
