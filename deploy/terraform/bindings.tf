# Generated from ../permissions.toml by `python -m deploy.permissions`; do not edit.

resource "google_project_iam_custom_role" "headrace_datasets_get" {
  project     = var.project
  role_id     = "headrace_datasets_get"
  title       = "headrace_datasets_get"
  permissions = ["bigquery.datasets.get"]
}

resource "google_project_iam_custom_role" "headrace_datasets_get_tables_create_tables_get_tables_update" {
  project     = var.project
  role_id     = "headrace_datasets_get_tables_create_tables_get_tables_update"
  title       = "headrace_datasets_get_tables_create_tables_get_tables_update"
  permissions = ["bigquery.datasets.get", "bigquery.tables.create", "bigquery.tables.get", "bigquery.tables.update"]
}

resource "google_project_iam_custom_role" "headrace_jobs_create" {
  project     = var.project
  role_id     = "headrace_jobs_create"
  title       = "headrace_jobs_create"
  permissions = ["bigquery.jobs.create"]
}

resource "google_project_iam_custom_role" "headrace_subscriptions_consume" {
  project     = var.project
  role_id     = "headrace_subscriptions_consume"
  title       = "headrace_subscriptions_consume"
  permissions = ["pubsub.subscriptions.consume"]
}

resource "google_project_iam_custom_role" "headrace_subscriptions_consume_get" {
  project     = var.project
  role_id     = "headrace_subscriptions_consume_get"
  title       = "headrace_subscriptions_consume_get"
  permissions = ["pubsub.subscriptions.consume", "pubsub.subscriptions.get"]
}

resource "google_project_iam_custom_role" "headrace_subscriptions_get" {
  project     = var.project
  role_id     = "headrace_subscriptions_get"
  title       = "headrace_subscriptions_get"
  permissions = ["pubsub.subscriptions.get"]
}

resource "google_project_iam_custom_role" "headrace_tables_getData" {
  project     = var.project
  role_id     = "headrace_tables_getData"
  title       = "headrace_tables_getData"
  permissions = ["bigquery.tables.getData"]
}

resource "google_project_iam_custom_role" "headrace_tables_getData_updateData" {
  project     = var.project
  role_id     = "headrace_tables_getData_updateData"
  title       = "headrace_tables_getData_updateData"
  permissions = ["bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_project_iam_custom_role" "headrace_tables_get_getData" {
  project     = var.project
  role_id     = "headrace_tables_get_getData"
  title       = "headrace_tables_get_getData"
  permissions = ["bigquery.tables.get", "bigquery.tables.getData"]
}

resource "google_project_iam_custom_role" "headrace_tables_get_getData_updateData" {
  project     = var.project
  role_id     = "headrace_tables_get_getData_updateData"
  title       = "headrace_tables_get_getData_updateData"
  permissions = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_project_iam_custom_role" "headrace_tables_updateData" {
  project     = var.project
  role_id     = "headrace_tables_updateData"
  title       = "headrace_tables_updateData"
  permissions = ["bigquery.tables.updateData"]
}

resource "google_project_iam_custom_role" "headrace_topics_get" {
  project     = var.project
  role_id     = "headrace_topics_get"
  title       = "headrace_topics_get"
  permissions = ["pubsub.topics.get"]
}

resource "google_pubsub_topic_iam_member" "publisher_topics" {
  for_each = { for pair in setproduct(local.members.publisher, keys(var.subjects)) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.subjects[each.value[1]].name
  role    = "roles/pubsub.publisher"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_member" "job_project" {
  for_each = { for pair in setproduct(local.members.job, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.headrace_jobs_create.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_pubsub_subscription_iam_member" "job_subscriptions" {
  for_each = { for pair in setproduct(local.members.job, keys(var.subjects)) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.subjects[each.value[1]].name
  role         = google_project_iam_custom_role.headrace_subscriptions_consume_get.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_pubsub_topic_iam_member" "job_dead_letter_topic" {
  for_each = { for pair in setproduct(local.members.job, ["dead-letters"]) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "job_tables" {
  for_each = { for pair in setproduct(local.members.job, var.tables_provisioned ? values(var.subjects) : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_get_getData_updateData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "job_tallies" {
  for_each = { for pair in setproduct(local.members.job, var.tables_provisioned ? ["headrace_tallies"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_get_getData_updateData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "job_engines" {
  for_each = { for pair in setproduct(local.members.job, var.tables_provisioned ? ["headrace_engines"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_getData_updateData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "job_masking_key" {
  for_each = { for pair in setproduct(local.members.job, [var.masking_key_secret]) : join(" ", pair) => pair }

  project   = var.project
  secret_id = each.value[1]
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_pubsub_subscription_iam_member" "collector_dead_letter_subscription" {
  for_each = { for pair in setproduct(local.members.collector, ["dead-letters"]) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.dead_letters.name
  role         = google_project_iam_custom_role.headrace_subscriptions_consume.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "collector_letters" {
  for_each = { for pair in setproduct(local.members.collector, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_updateData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "collector_archive_key" {
  for_each = { for pair in setproduct(local.members.collector, [var.archive_key_secret]) : join(" ", pair) => pair }

  project   = var.project
  secret_id = each.value[1]
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_pubsub_topic_iam_member" "provisioner_topics" {
  for_each = { for pair in setproduct(local.members.provisioner, keys(var.subjects)) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.subjects[each.value[1]].name
  role    = google_project_iam_custom_role.headrace_topics_get.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_pubsub_subscription_iam_member" "provisioner_subscriptions" {
  for_each = { for pair in setproduct(local.members.provisioner, keys(var.subjects)) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.subjects[each.value[1]].name
  role         = google_project_iam_custom_role.headrace_subscriptions_get.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_pubsub_topic_iam_member" "provisioner_dead_letter_topic" {
  for_each = { for pair in setproduct(local.members.provisioner, ["dead-letters"]) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.dead_letters.name
  role    = google_project_iam_custom_role.headrace_topics_get.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_pubsub_subscription_iam_member" "provisioner_dead_letter_subscription" {
  for_each = { for pair in setproduct(local.members.provisioner, ["dead-letters"]) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.dead_letters.name
  role         = google_project_iam_custom_role.headrace_subscriptions_get.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_dataset_iam_member" "provisioner_dataset" {
  for_each = { for pair in setproduct(local.members.provisioner, ["dataset"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  role       = google_project_iam_custom_role.headrace_datasets_get_tables_create_tables_get_tables_update.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_dataset_iam_member" "provisioner_archive" {
  for_each = { for pair in setproduct(local.members.provisioner, ["archive"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  role       = google_project_iam_custom_role.headrace_datasets_get_tables_create_tables_get_tables_update.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_member" "auditor_project" {
  for_each = { for pair in setproduct(local.members.auditor, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.headrace_jobs_create.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_dataset_iam_member" "auditor_dataset" {
  for_each = { for pair in setproduct(local.members.auditor, ["dataset"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  role       = google_project_iam_custom_role.headrace_datasets_get.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "auditor_tables" {
  for_each = { for pair in setproduct(local.members.auditor, var.tables_provisioned ? values(var.subjects) : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_get_getData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "auditor_tallies" {
  for_each = { for pair in setproduct(local.members.auditor, var.tables_provisioned ? ["headrace_tallies"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_getData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "auditor_letters" {
  for_each = { for pair in setproduct(local.members.auditor, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_get_getData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "auditor_facts" {
  for_each = { for pair in setproduct(local.members.auditor, var.tables_provisioned ? ["facts"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_get_getData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_member" "on_call_project" {
  for_each = { for pair in setproduct(local.members.on_call, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.headrace_jobs_create.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "on_call_letters" {
  for_each = { for pair in setproduct(local.members.on_call, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_getData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "on_call_facts" {
  for_each = { for pair in setproduct(local.members.on_call, var.tables_provisioned ? ["facts"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_getData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "on_call_trail" {
  for_each = { for pair in setproduct(local.members.on_call, var.tables_provisioned ? ["trail"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_getData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_member" "operator_project" {
  for_each = { for pair in setproduct(local.members.operator, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.headrace_jobs_create.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "operator_letters" {
  for_each = { for pair in setproduct(local.members.operator, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_getData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "operator_facts" {
  for_each = { for pair in setproduct(local.members.operator, var.tables_provisioned ? ["facts"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_getData_updateData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "operator_trail" {
  for_each = { for pair in setproduct(local.members.operator, var.tables_provisioned ? ["trail"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_getData_updateData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "operator_archive_key" {
  for_each = { for pair in setproduct(local.members.operator, [var.archive_key_secret]) : join(" ", pair) => pair }

  project   = var.project
  secret_id = each.value[1]
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_member" "replayer_project" {
  for_each = { for pair in setproduct(local.members.replayer, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.headrace_jobs_create.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_pubsub_topic_iam_member" "replayer_topics" {
  for_each = { for pair in setproduct(local.members.replayer, keys(var.subjects)) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.subjects[each.value[1]].name
  role    = "roles/pubsub.publisher"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "replayer_letters" {
  for_each = { for pair in setproduct(local.members.replayer, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_getData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "replayer_facts" {
  for_each = { for pair in setproduct(local.members.replayer, var.tables_provisioned ? ["facts"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_getData_updateData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "replayer_trail" {
  for_each = { for pair in setproduct(local.members.replayer, var.tables_provisioned ? ["trail"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_updateData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "replayer_archive_key" {
  for_each = { for pair in setproduct(local.members.replayer, [var.archive_key_secret]) : join(" ", pair) => pair }

  project   = var.project
  secret_id = each.value[1]
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_member" "importer_project" {
  for_each = { for pair in setproduct(local.members.importer, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.headrace_jobs_create.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "importer_letters" {
  for_each = { for pair in setproduct(local.members.importer, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_getData_updateData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_table_iam_member" "importer_trail" {
  for_each = { for pair in setproduct(local.members.importer, var.tables_provisioned ? ["trail"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.headrace_tables_updateData.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "importer_archive_key" {
  for_each = { for pair in setproduct(local.members.importer, [var.archive_key_secret]) : join(" ", pair) => pair }

  project   = var.project
  secret_id = each.value[1]
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_member" "analyst_project" {
  for_each = { for pair in setproduct(local.members.analyst, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_bigquery_dataset_iam_member" "analyst_dataset" {
  for_each = { for pair in setproduct(local.members.analyst, ["dataset"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_member" "job_project_dataflow" {
  for_each = { for pair in setproduct(local.members.job, var.dataflow ? [var.project] : []) : join(" ", pair) => pair }

  project = var.project
  role    = "roles/dataflow.worker"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_storage_bucket_iam_member" "job_staging_dataflow" {
  for_each = { for pair in setproduct(local.members.job, var.dataflow ? ["staging"] : []) : join(" ", pair) => pair }

  bucket = google_storage_bucket.staging[0].name
  role   = "roles/storage.objectUser"
  member = each.value[0]

  depends_on = [google_service_account.headrace]
}