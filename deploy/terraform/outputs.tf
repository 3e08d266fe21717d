output "accounts" {
  description = "The service account of each identity"
  value       = { for name, account in google_service_account.headrace : name => account.email }
}

output "secrets" {
  description = "Where the keys belong"
  value       = { for name, secret in google_secret_manager_secret.keys : name => secret.id }
}

output "dataflow" {
  description = "What belongs under [dataflow] in headrace.toml; the image's digest and the secrets' versions are yours"
  value = var.dataflow ? {
    region             = var.region
    service_account    = google_service_account.headrace["job"].email
    temp_location      = "${google_storage_bucket.staging[0].url}/temp"
    template_file      = "${google_storage_bucket.staging[0].url}/templates/headrace.json"
    kms_key            = google_kms_crypto_key.regional.id
    image              = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images[0].repository_id}/flex"
    masking_key_secret = "${google_secret_manager_secret.keys["masking"].id}/versions/1"
    sealing_key_secret = "${google_secret_manager_secret.keys["sealing"].id}/versions/1"
  } : null
}
