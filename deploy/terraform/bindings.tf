# Generated from ../permissions.toml by `python -m deploy.permissions`; do not edit.

locals {
  identities = ["publisher", "job", "backfiller", "collector", "watcher", "provisioner", "contract_publisher", "contract_checker", "compactor", "auditor", "on_call", "operator", "replayer", "importer", "analyst", "remover", "launcher"]

  services = merge({
    publisher          = "an application that publishes events"
    job                = "headrace run, embedded or as Dataflow's workers"
    backfiller         = "headrace backfill, from files or a source"
    collector          = "headrace dead-letters collect"
    watcher            = "the scheduled query that fails while dead letters are open for too long"
    provisioner        = "headrace provision, after Terraform"
    contract_publisher = "CI that runs headrace contracts publish"
    contract_checker   = "CI that runs headrace contracts check against a service"
    compactor          = "headrace tallies compact"
    }, var.dataflow ? {
    launcher = "CI, or a scheduler, that starts, updates and drains the job on Dataflow"
  } : {})
  members = {
    publisher          = concat(["serviceAccount:headrace-publisher@${var.project}.iam.gserviceaccount.com"], lookup(var.members, "publisher", []))
    job                = concat(["serviceAccount:headrace-job@${var.project}.iam.gserviceaccount.com"], lookup(var.members, "job", []))
    backfiller         = concat(["serviceAccount:headrace-backfiller@${var.project}.iam.gserviceaccount.com"], lookup(var.members, "backfiller", []))
    collector          = concat(["serviceAccount:headrace-collector@${var.project}.iam.gserviceaccount.com"], lookup(var.members, "collector", []))
    watcher            = concat(["serviceAccount:headrace-watcher@${var.project}.iam.gserviceaccount.com"], lookup(var.members, "watcher", []))
    provisioner        = concat(["serviceAccount:headrace-provisioner@${var.project}.iam.gserviceaccount.com"], lookup(var.members, "provisioner", []))
    contract_publisher = concat(["serviceAccount:headrace-contract-publisher@${var.project}.iam.gserviceaccount.com"], lookup(var.members, "contract_publisher", []))
    contract_checker   = concat(["serviceAccount:headrace-contract-checker@${var.project}.iam.gserviceaccount.com"], lookup(var.members, "contract_checker", []))
    compactor          = concat(["serviceAccount:headrace-compactor@${var.project}.iam.gserviceaccount.com"], lookup(var.members, "compactor", []))
    auditor            = lookup(var.members, "auditor", [])
    on_call            = lookup(var.members, "on_call", [])
    operator           = lookup(var.members, "operator", [])
    replayer           = lookup(var.members, "replayer", [])
    importer           = lookup(var.members, "importer", [])
    analyst            = lookup(var.members, "analyst", [])
    remover            = lookup(var.members, "remover", [])
    launcher           = concat(["serviceAccount:headrace-launcher@${var.project}.iam.gserviceaccount.com"], lookup(var.members, "launcher", []))
    pubsub_agent       = ["serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"]
    bigquery_agent     = ["serviceAccount:bq-${data.google_project.this.number}@bigquery-encryption.iam.gserviceaccount.com"]
    storage_agent      = ["serviceAccount:service-${data.google_project.this.number}@gs-project-accounts.iam.gserviceaccount.com"]
    secrets_agent      = ["serviceAccount:service-${data.google_project.this.number}@gcp-sa-secretmanager.iam.gserviceaccount.com"]
    dataflow_agent     = ["serviceAccount:service-${data.google_project.this.number}@dataflow-service-producer-prod.iam.gserviceaccount.com"]
    compute_agent      = ["serviceAccount:service-${data.google_project.this.number}@compute-system.iam.gserviceaccount.com"]
    images_agent       = ["serviceAccount:service-${data.google_project.this.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"]
  }
}

resource "google_pubsub_topic_iam_member" "publisher_topics" {
  for_each = { for pair in setproduct(local.members.publisher, keys(local.own_topics)) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.subjects[each.value[1]].name
  role    = "roles/pubsub.publisher"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_pubsub_topic_iam_member" "publisher_existing_topics" {
  for_each = { for pair in setproduct(local.members.publisher, local.granted_topics) : join(" ", pair) => pair }

  project = split("/", each.value[1])[1]
  topic   = split("/", each.value[1])[3]
  role    = "roles/pubsub.publisher"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_storage_bucket_iam_member" "publisher_large_events" {
  for_each = { for pair in setproduct(local.members.publisher, var.large_event_buckets) : join(" ", pair) => pair }

  bucket = each.value[1]
  role   = "roles/storage.objectCreator"
  member = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "job_project" {
  project     = var.project
  role_id     = "headrace_job_project"
  title       = "Headrace: job on project"
  permissions = ["bigquery.jobs.create"]
}

resource "google_project_iam_member" "job_project" {
  for_each = { for pair in setproduct(local.members.job, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.job_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "job_subscriptions" {
  project     = var.project
  role_id     = "headrace_job_subscriptions"
  title       = "Headrace: job on subscriptions"
  permissions = ["pubsub.subscriptions.consume", "pubsub.subscriptions.get"]
}

resource "google_pubsub_subscription_iam_member" "job_subscriptions" {
  for_each = { for pair in setproduct(local.members.job, keys(local.own_subscriptions)) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.subjects[each.value[1]].name
  role         = google_project_iam_custom_role.job_subscriptions.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "job_existing_subscriptions" {
  project     = var.project
  role_id     = "headrace_job_existing_subscriptions"
  title       = "Headrace: job on existing subscriptions"
  permissions = ["pubsub.subscriptions.consume", "pubsub.subscriptions.get"]
}

resource "google_pubsub_subscription_iam_member" "job_existing_subscriptions" {
  for_each = { for pair in setproduct(local.members.job, local.granted_subscriptions) : join(" ", pair) => pair }

  project      = split("/", each.value[1])[1]
  subscription = split("/", each.value[1])[3]
  role         = google_project_iam_custom_role.job_existing_subscriptions.name
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

resource "google_project_iam_custom_role" "job_dead_letter_subscription" {
  project     = var.project
  role_id     = "headrace_job_dead_letter_subscription"
  title       = "Headrace: job on dead letter subscription"
  permissions = ["pubsub.subscriptions.get"]
}

resource "google_pubsub_subscription_iam_member" "job_dead_letter_subscription" {
  for_each = { for pair in setproduct(local.members.job, ["dead-letters"]) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.dead_letters.name
  role         = google_project_iam_custom_role.job_dead_letter_subscription.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "job_tables" {
  project     = var.project
  role_id     = "headrace_job_tables"
  title       = "Headrace: job on tables"
  permissions = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "job_tables" {
  for_each = { for pair in setproduct(local.members.job, var.tables_provisioned ? values(local.subjects) : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.job_tables.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "job_evolving_tables" {
  project     = var.project
  role_id     = "headrace_job_evolving_tables"
  title       = "Headrace: job on evolving tables"
  permissions = ["bigquery.tables.update"]
}

resource "google_bigquery_table_iam_member" "job_evolving_tables" {
  for_each = { for pair in setproduct(local.members.job, var.tables_provisioned ? var.evolving_tables : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.job_evolving_tables.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "job_tallies" {
  project     = var.project
  role_id     = "headrace_job_tallies"
  title       = "Headrace: job on tallies"
  permissions = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "job_tallies" {
  for_each = { for pair in setproduct(local.members.job, var.tables_provisioned ? ["headrace_tallies"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.job_tallies.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "job_engines" {
  project     = var.project
  role_id     = "headrace_job_engines"
  title       = "Headrace: job on engines"
  permissions = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "job_engines" {
  for_each = { for pair in setproduct(local.members.job, var.tables_provisioned ? ["headrace_engines"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.job_engines.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "job_masking_key" {
  for_each = { for pair in setproduct(local.members.job, ["masking"]) : join(" ", pair) => pair }

  project   = var.project
  secret_id = google_secret_manager_secret.keys["masking"].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_storage_bucket_iam_member" "job_large_events" {
  for_each = { for pair in setproduct(local.members.job, var.large_event_buckets) : join(" ", pair) => pair }

  bucket = each.value[1]
  role   = "roles/storage.objectViewer"
  member = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "backfiller_project" {
  project     = var.project
  role_id     = "headrace_backfiller_project"
  title       = "Headrace: backfiller on project"
  permissions = ["bigquery.jobs.create"]
}

resource "google_project_iam_member" "backfiller_project" {
  for_each = { for pair in setproduct(local.members.backfiller, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.backfiller_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_pubsub_topic_iam_member" "backfiller_dead_letter_topic" {
  for_each = { for pair in setproduct(local.members.backfiller, ["dead-letters"]) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "backfiller_dead_letter_subscription" {
  project     = var.project
  role_id     = "headrace_backfiller_dead_letter_subscription"
  title       = "Headrace: backfiller on dead letter subscription"
  permissions = ["pubsub.subscriptions.get"]
}

resource "google_pubsub_subscription_iam_member" "backfiller_dead_letter_subscription" {
  for_each = { for pair in setproduct(local.members.backfiller, ["dead-letters"]) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.dead_letters.name
  role         = google_project_iam_custom_role.backfiller_dead_letter_subscription.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "backfiller_tables" {
  project     = var.project
  role_id     = "headrace_backfiller_tables"
  title       = "Headrace: backfiller on tables"
  permissions = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "backfiller_tables" {
  for_each = { for pair in setproduct(local.members.backfiller, var.tables_provisioned ? values(local.subjects) : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.backfiller_tables.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "backfiller_tallies" {
  project     = var.project
  role_id     = "headrace_backfiller_tallies"
  title       = "Headrace: backfiller on tallies"
  permissions = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "backfiller_tallies" {
  for_each = { for pair in setproduct(local.members.backfiller, var.tables_provisioned ? ["headrace_tallies"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.backfiller_tallies.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "backfiller_engines" {
  project     = var.project
  role_id     = "headrace_backfiller_engines"
  title       = "Headrace: backfiller on engines"
  permissions = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "backfiller_engines" {
  for_each = { for pair in setproduct(local.members.backfiller, var.tables_provisioned ? ["headrace_engines"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.backfiller_engines.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "backfiller_masking_key" {
  for_each = { for pair in setproduct(local.members.backfiller, ["masking"]) : join(" ", pair) => pair }

  project   = var.project
  secret_id = google_secret_manager_secret.keys["masking"].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "backfiller_loads" {
  project     = var.project
  role_id     = "headrace_backfiller_loads"
  title       = "Headrace: backfiller on loads"
  permissions = ["bigquery.tables.create", "bigquery.tables.delete", "bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_bigquery_dataset_iam_member" "backfiller_loads" {
  for_each = { for pair in setproduct(local.members.backfiller, ["loads"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.loads.dataset_id
  role       = google_project_iam_custom_role.backfiller_loads.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "collector_dead_letter_subscription" {
  project     = var.project
  role_id     = "headrace_collector_dead_letter_subscription"
  title       = "Headrace: collector on dead letter subscription"
  permissions = ["pubsub.subscriptions.consume"]
}

resource "google_pubsub_subscription_iam_member" "collector_dead_letter_subscription" {
  for_each = { for pair in setproduct(local.members.collector, ["dead-letters"]) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.dead_letters.name
  role         = google_project_iam_custom_role.collector_dead_letter_subscription.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "collector_letters" {
  project     = var.project
  role_id     = "headrace_collector_letters"
  title       = "Headrace: collector on letters"
  permissions = ["bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "collector_letters" {
  for_each = { for pair in setproduct(local.members.collector, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.collector_letters.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "collector_archive_key" {
  for_each = { for pair in setproduct(local.members.collector, ["archive"]) : join(" ", pair) => pair }

  project   = var.project
  secret_id = google_secret_manager_secret.keys["archive"].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "watcher_project" {
  project     = var.project
  role_id     = "headrace_watcher_project"
  title       = "Headrace: watcher on project"
  permissions = ["bigquery.jobs.create"]
}

resource "google_project_iam_member" "watcher_project" {
  for_each = { for pair in setproduct(local.members.watcher, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.watcher_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "watcher_letters" {
  project     = var.project
  role_id     = "headrace_watcher_letters"
  title       = "Headrace: watcher on letters"
  permissions = ["bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "watcher_letters" {
  for_each = { for pair in setproduct(local.members.watcher, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.watcher_letters.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "watcher_facts" {
  project     = var.project
  role_id     = "headrace_watcher_facts"
  title       = "Headrace: watcher on facts"
  permissions = ["bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "watcher_facts" {
  for_each = { for pair in setproduct(local.members.watcher, var.tables_provisioned ? ["facts"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.watcher_facts.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "provisioner_project" {
  project     = var.project
  role_id     = "headrace_provisioner_project"
  title       = "Headrace: provisioner on project"
  permissions = ["bigquery.jobs.create"]
}

resource "google_project_iam_member" "provisioner_project" {
  for_each = { for pair in setproduct(local.members.provisioner, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.provisioner_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "provisioner_topics" {
  project     = var.project
  role_id     = "headrace_provisioner_topics"
  title       = "Headrace: provisioner on topics"
  permissions = ["pubsub.topics.get"]
}

resource "google_pubsub_topic_iam_member" "provisioner_topics" {
  for_each = { for pair in setproduct(local.members.provisioner, keys(local.own_topics)) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.subjects[each.value[1]].name
  role    = google_project_iam_custom_role.provisioner_topics.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "provisioner_existing_topics" {
  project     = var.project
  role_id     = "headrace_provisioner_existing_topics"
  title       = "Headrace: provisioner on existing topics"
  permissions = ["pubsub.topics.get"]
}

resource "google_pubsub_topic_iam_member" "provisioner_existing_topics" {
  for_each = { for pair in setproduct(local.members.provisioner, local.granted_topics) : join(" ", pair) => pair }

  project = split("/", each.value[1])[1]
  topic   = split("/", each.value[1])[3]
  role    = google_project_iam_custom_role.provisioner_existing_topics.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "provisioner_subscriptions" {
  project     = var.project
  role_id     = "headrace_provisioner_subscriptions"
  title       = "Headrace: provisioner on subscriptions"
  permissions = ["pubsub.subscriptions.get"]
}

resource "google_pubsub_subscription_iam_member" "provisioner_subscriptions" {
  for_each = { for pair in setproduct(local.members.provisioner, keys(local.own_subscriptions)) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.subjects[each.value[1]].name
  role         = google_project_iam_custom_role.provisioner_subscriptions.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "provisioner_existing_subscriptions" {
  project     = var.project
  role_id     = "headrace_provisioner_existing_subscriptions"
  title       = "Headrace: provisioner on existing subscriptions"
  permissions = ["pubsub.subscriptions.get"]
}

resource "google_pubsub_subscription_iam_member" "provisioner_existing_subscriptions" {
  for_each = { for pair in setproduct(local.members.provisioner, local.granted_subscriptions) : join(" ", pair) => pair }

  project      = split("/", each.value[1])[1]
  subscription = split("/", each.value[1])[3]
  role         = google_project_iam_custom_role.provisioner_existing_subscriptions.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "provisioner_dead_letter_topic" {
  project     = var.project
  role_id     = "headrace_provisioner_dead_letter_topic"
  title       = "Headrace: provisioner on dead letter topic"
  permissions = ["pubsub.topics.get"]
}

resource "google_pubsub_topic_iam_member" "provisioner_dead_letter_topic" {
  for_each = { for pair in setproduct(local.members.provisioner, ["dead-letters"]) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.dead_letters.name
  role    = google_project_iam_custom_role.provisioner_dead_letter_topic.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "provisioner_dead_letter_subscription" {
  project     = var.project
  role_id     = "headrace_provisioner_dead_letter_subscription"
  title       = "Headrace: provisioner on dead letter subscription"
  permissions = ["pubsub.subscriptions.get"]
}

resource "google_pubsub_subscription_iam_member" "provisioner_dead_letter_subscription" {
  for_each = { for pair in setproduct(local.members.provisioner, ["dead-letters"]) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.dead_letters.name
  role         = google_project_iam_custom_role.provisioner_dead_letter_subscription.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "provisioner_dataset" {
  project     = var.project
  role_id     = "headrace_provisioner_dataset"
  title       = "Headrace: provisioner on dataset"
  permissions = ["bigquery.datasets.get", "bigquery.tables.create", "bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.update"]
}

resource "google_bigquery_dataset_iam_member" "provisioner_dataset" {
  for_each = { for pair in setproduct(local.members.provisioner, ["dataset"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  role       = google_project_iam_custom_role.provisioner_dataset.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "provisioner_archive" {
  project     = var.project
  role_id     = "headrace_provisioner_archive"
  title       = "Headrace: provisioner on archive"
  permissions = ["bigquery.datasets.get", "bigquery.tables.create", "bigquery.tables.get", "bigquery.tables.update"]
}

resource "google_bigquery_dataset_iam_member" "provisioner_archive" {
  for_each = { for pair in setproduct(local.members.provisioner, ["archive"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  role       = google_project_iam_custom_role.provisioner_archive.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "provisioner_loads" {
  project     = var.project
  role_id     = "headrace_provisioner_loads"
  title       = "Headrace: provisioner on loads"
  permissions = ["bigquery.datasets.get"]
}

resource "google_bigquery_dataset_iam_member" "provisioner_loads" {
  for_each = { for pair in setproduct(local.members.provisioner, ["loads"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.loads.dataset_id
  role       = google_project_iam_custom_role.provisioner_loads.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "contract_publisher_project" {
  project     = var.project
  role_id     = "headrace_contract_publisher_project"
  title       = "Headrace: contract publisher on project"
  permissions = ["pubsub.schemas.validate", "pubsub.topics.list"]
}

resource "google_project_iam_member" "contract_publisher_project" {
  for_each = { for pair in setproduct(local.members.contract_publisher, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.contract_publisher_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "contract_publisher_schemas" {
  project     = var.project
  role_id     = "headrace_contract_publisher_schemas"
  title       = "Headrace: contract publisher on schemas"
  permissions = ["pubsub.schemas.commit", "pubsub.schemas.delete", "pubsub.schemas.listRevisions"]
}

resource "google_pubsub_schema_iam_member" "contract_publisher_schemas" {
  for_each = { for pair in setproduct(local.members.contract_publisher, keys(local.definitions)) : join(" ", pair) => pair }

  project = var.project
  schema  = google_pubsub_schema.subjects[each.value[1]].name
  role    = google_project_iam_custom_role.contract_publisher_schemas.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "contract_checker_project" {
  project     = var.project
  role_id     = "headrace_contract_checker_project"
  title       = "Headrace: contract checker on project"
  permissions = ["pubsub.schemas.listRevisions"]
}

resource "google_project_iam_member" "contract_checker_project" {
  for_each = { for pair in setproduct(local.members.contract_checker, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.contract_checker_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "contract_checker_dataset" {
  project     = var.project
  role_id     = "headrace_contract_checker_dataset"
  title       = "Headrace: contract checker on dataset"
  permissions = ["bigquery.datasets.get", "bigquery.tables.get"]
}

resource "google_bigquery_dataset_iam_member" "contract_checker_dataset" {
  for_each = { for pair in setproduct(local.members.contract_checker, ["dataset"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  role       = google_project_iam_custom_role.contract_checker_dataset.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "compactor_project" {
  project     = var.project
  role_id     = "headrace_compactor_project"
  title       = "Headrace: compactor on project"
  permissions = ["bigquery.jobs.create"]
}

resource "google_project_iam_member" "compactor_project" {
  for_each = { for pair in setproduct(local.members.compactor, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.compactor_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "compactor_tallies" {
  project     = var.project
  role_id     = "headrace_compactor_tallies"
  title       = "Headrace: compactor on tallies"
  permissions = ["bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "compactor_tallies" {
  for_each = { for pair in setproduct(local.members.compactor, var.tables_provisioned ? ["headrace_tallies"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.compactor_tallies.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "auditor_project" {
  project     = var.project
  role_id     = "headrace_auditor_project"
  title       = "Headrace: auditor on project"
  permissions = ["bigquery.jobs.create"]
}

resource "google_project_iam_member" "auditor_project" {
  for_each = { for pair in setproduct(local.members.auditor, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.auditor_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "auditor_dataset" {
  project     = var.project
  role_id     = "headrace_auditor_dataset"
  title       = "Headrace: auditor on dataset"
  permissions = ["bigquery.datasets.get"]
}

resource "google_bigquery_dataset_iam_member" "auditor_dataset" {
  for_each = { for pair in setproduct(local.members.auditor, ["dataset"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  role       = google_project_iam_custom_role.auditor_dataset.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "auditor_tables" {
  project     = var.project
  role_id     = "headrace_auditor_tables"
  title       = "Headrace: auditor on tables"
  permissions = ["bigquery.tables.get", "bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "auditor_tables" {
  for_each = { for pair in setproduct(local.members.auditor, var.tables_provisioned ? values(local.subjects) : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.auditor_tables.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "auditor_tallies" {
  project     = var.project
  role_id     = "headrace_auditor_tallies"
  title       = "Headrace: auditor on tallies"
  permissions = ["bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "auditor_tallies" {
  for_each = { for pair in setproduct(local.members.auditor, var.tables_provisioned ? ["headrace_tallies"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.auditor_tallies.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "auditor_letters" {
  project     = var.project
  role_id     = "headrace_auditor_letters"
  title       = "Headrace: auditor on letters"
  permissions = ["bigquery.tables.get", "bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "auditor_letters" {
  for_each = { for pair in setproduct(local.members.auditor, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.auditor_letters.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "auditor_facts" {
  project     = var.project
  role_id     = "headrace_auditor_facts"
  title       = "Headrace: auditor on facts"
  permissions = ["bigquery.tables.get", "bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "auditor_facts" {
  for_each = { for pair in setproduct(local.members.auditor, var.tables_provisioned ? ["facts"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.auditor_facts.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "on_call_project" {
  project     = var.project
  role_id     = "headrace_on_call_project"
  title       = "Headrace: on call on project"
  permissions = ["bigquery.jobs.create"]
}

resource "google_project_iam_member" "on_call_project" {
  for_each = { for pair in setproduct(local.members.on_call, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.on_call_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "on_call_metrics" {
  project     = var.project
  role_id     = "headrace_on_call_metrics"
  title       = "Headrace: on call on metrics"
  permissions = ["monitoring.timeSeries.list"]
}

resource "google_project_iam_member" "on_call_metrics" {
  for_each = { for pair in setproduct(local.members.on_call, ["metrics"]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.on_call_metrics.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "on_call_tallies" {
  project     = var.project
  role_id     = "headrace_on_call_tallies"
  title       = "Headrace: on call on tallies"
  permissions = ["bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "on_call_tallies" {
  for_each = { for pair in setproduct(local.members.on_call, var.tables_provisioned ? ["headrace_tallies"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.on_call_tallies.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "on_call_letters" {
  project     = var.project
  role_id     = "headrace_on_call_letters"
  title       = "Headrace: on call on letters"
  permissions = ["bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "on_call_letters" {
  for_each = { for pair in setproduct(local.members.on_call, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.on_call_letters.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "on_call_facts" {
  project     = var.project
  role_id     = "headrace_on_call_facts"
  title       = "Headrace: on call on facts"
  permissions = ["bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "on_call_facts" {
  for_each = { for pair in setproduct(local.members.on_call, var.tables_provisioned ? ["facts"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.on_call_facts.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "on_call_trail" {
  project     = var.project
  role_id     = "headrace_on_call_trail"
  title       = "Headrace: on call on trail"
  permissions = ["bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "on_call_trail" {
  for_each = { for pair in setproduct(local.members.on_call, var.tables_provisioned ? ["trail"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.on_call_trail.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_logging_log_view_iam_member" "on_call_logs" {
  for_each = { for pair in setproduct(local.members.on_call, ["logs"]) : join(" ", pair) => pair }

  parent   = google_logging_log_view.job.parent
  location = google_logging_log_view.job.location
  bucket   = google_logging_log_view.job.bucket
  name     = google_logging_log_view.job.name
  role     = "roles/logging.viewAccessor"
  member   = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "operator_project" {
  project     = var.project
  role_id     = "headrace_operator_project"
  title       = "Headrace: operator on project"
  permissions = ["bigquery.jobs.create"]
}

resource "google_project_iam_member" "operator_project" {
  for_each = { for pair in setproduct(local.members.operator, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.operator_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "operator_letters" {
  project     = var.project
  role_id     = "headrace_operator_letters"
  title       = "Headrace: operator on letters"
  permissions = ["bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "operator_letters" {
  for_each = { for pair in setproduct(local.members.operator, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.operator_letters.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "operator_facts" {
  project     = var.project
  role_id     = "headrace_operator_facts"
  title       = "Headrace: operator on facts"
  permissions = ["bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "operator_facts" {
  for_each = { for pair in setproduct(local.members.operator, var.tables_provisioned ? ["facts"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.operator_facts.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "operator_trail" {
  project     = var.project
  role_id     = "headrace_operator_trail"
  title       = "Headrace: operator on trail"
  permissions = ["bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "operator_trail" {
  for_each = { for pair in setproduct(local.members.operator, var.tables_provisioned ? ["trail"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.operator_trail.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "operator_archive_key" {
  for_each = { for pair in setproduct(local.members.operator, ["archive"]) : join(" ", pair) => pair }

  project   = var.project
  secret_id = google_secret_manager_secret.keys["archive"].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "replayer_project" {
  project     = var.project
  role_id     = "headrace_replayer_project"
  title       = "Headrace: replayer on project"
  permissions = ["bigquery.jobs.create"]
}

resource "google_project_iam_member" "replayer_project" {
  for_each = { for pair in setproduct(local.members.replayer, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.replayer_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_pubsub_topic_iam_member" "replayer_topics" {
  for_each = { for pair in setproduct(local.members.replayer, keys(local.own_topics)) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.subjects[each.value[1]].name
  role    = "roles/pubsub.publisher"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_pubsub_topic_iam_member" "replayer_existing_topics" {
  for_each = { for pair in setproduct(local.members.replayer, local.granted_topics) : join(" ", pair) => pair }

  project = split("/", each.value[1])[1]
  topic   = split("/", each.value[1])[3]
  role    = "roles/pubsub.publisher"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "replayer_letters" {
  project     = var.project
  role_id     = "headrace_replayer_letters"
  title       = "Headrace: replayer on letters"
  permissions = ["bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "replayer_letters" {
  for_each = { for pair in setproduct(local.members.replayer, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.replayer_letters.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "replayer_facts" {
  project     = var.project
  role_id     = "headrace_replayer_facts"
  title       = "Headrace: replayer on facts"
  permissions = ["bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "replayer_facts" {
  for_each = { for pair in setproduct(local.members.replayer, var.tables_provisioned ? ["facts"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.replayer_facts.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "replayer_trail" {
  project     = var.project
  role_id     = "headrace_replayer_trail"
  title       = "Headrace: replayer on trail"
  permissions = ["bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "replayer_trail" {
  for_each = { for pair in setproduct(local.members.replayer, var.tables_provisioned ? ["trail"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.replayer_trail.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "replayer_archive_key" {
  for_each = { for pair in setproduct(local.members.replayer, ["archive"]) : join(" ", pair) => pair }

  project   = var.project
  secret_id = google_secret_manager_secret.keys["archive"].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "importer_project" {
  project     = var.project
  role_id     = "headrace_importer_project"
  title       = "Headrace: importer on project"
  permissions = ["bigquery.jobs.create"]
}

resource "google_project_iam_member" "importer_project" {
  for_each = { for pair in setproduct(local.members.importer, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.importer_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "importer_letters" {
  project     = var.project
  role_id     = "headrace_importer_letters"
  title       = "Headrace: importer on letters"
  permissions = ["bigquery.tables.getData", "bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "importer_letters" {
  for_each = { for pair in setproduct(local.members.importer, var.tables_provisioned ? ["letters"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.importer_letters.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "importer_facts" {
  project     = var.project
  role_id     = "headrace_importer_facts"
  title       = "Headrace: importer on facts"
  permissions = ["bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "importer_facts" {
  for_each = { for pair in setproduct(local.members.importer, var.tables_provisioned ? ["facts"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.importer_facts.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "importer_trail" {
  project     = var.project
  role_id     = "headrace_importer_trail"
  title       = "Headrace: importer on trail"
  permissions = ["bigquery.tables.updateData"]
}

resource "google_bigquery_table_iam_member" "importer_trail" {
  for_each = { for pair in setproduct(local.members.importer, var.tables_provisioned ? ["trail"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.importer_trail.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "importer_archive_key" {
  for_each = { for pair in setproduct(local.members.importer, ["archive"]) : join(" ", pair) => pair }

  project   = var.project
  secret_id = google_secret_manager_secret.keys["archive"].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "remover_project" {
  project     = var.project
  role_id     = "headrace_remover_project"
  title       = "Headrace: remover on project"
  permissions = ["bigquery.jobs.create"]
}

resource "google_project_iam_member" "remover_project" {
  for_each = { for pair in setproduct(local.members.remover, [var.project]) : join(" ", pair) => pair }

  project = var.project
  role    = google_project_iam_custom_role.remover_project.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "remover_topics" {
  project     = var.project
  role_id     = "headrace_remover_topics"
  title       = "Headrace: remover on topics"
  permissions = ["pubsub.topics.delete", "pubsub.topics.get"]
}

resource "google_pubsub_topic_iam_member" "remover_topics" {
  for_each = { for pair in setproduct(local.members.remover, keys(local.own_topics)) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.subjects[each.value[1]].name
  role    = google_project_iam_custom_role.remover_topics.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "remover_subscriptions" {
  project     = var.project
  role_id     = "headrace_remover_subscriptions"
  title       = "Headrace: remover on subscriptions"
  permissions = ["pubsub.subscriptions.delete", "pubsub.subscriptions.get"]
}

resource "google_pubsub_subscription_iam_member" "remover_subscriptions" {
  for_each = { for pair in setproduct(local.members.remover, keys(local.own_subscriptions)) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.subjects[each.value[1]].name
  role         = google_project_iam_custom_role.remover_subscriptions.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "remover_dead_letter_topic" {
  project     = var.project
  role_id     = "headrace_remover_dead_letter_topic"
  title       = "Headrace: remover on dead letter topic"
  permissions = ["pubsub.topics.delete", "pubsub.topics.get"]
}

resource "google_pubsub_topic_iam_member" "remover_dead_letter_topic" {
  for_each = { for pair in setproduct(local.members.remover, ["dead-letters"]) : join(" ", pair) => pair }

  project = var.project
  topic   = google_pubsub_topic.dead_letters.name
  role    = google_project_iam_custom_role.remover_dead_letter_topic.name
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "remover_dead_letter_subscription" {
  project     = var.project
  role_id     = "headrace_remover_dead_letter_subscription"
  title       = "Headrace: remover on dead letter subscription"
  permissions = ["pubsub.subscriptions.delete", "pubsub.subscriptions.get"]
}

resource "google_pubsub_subscription_iam_member" "remover_dead_letter_subscription" {
  for_each = { for pair in setproduct(local.members.remover, ["dead-letters"]) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.dead_letters.name
  role         = google_project_iam_custom_role.remover_dead_letter_subscription.name
  member       = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "remover_dataset" {
  project     = var.project
  role_id     = "headrace_remover_dataset"
  title       = "Headrace: remover on dataset"
  permissions = ["bigquery.datasets.delete", "bigquery.datasets.get", "bigquery.tables.delete", "bigquery.tables.get", "bigquery.tables.list"]
}

resource "google_bigquery_dataset_iam_member" "remover_dataset" {
  for_each = { for pair in setproduct(local.members.remover, ["dataset"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  role       = google_project_iam_custom_role.remover_dataset.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "remover_engines" {
  project     = var.project
  role_id     = "headrace_remover_engines"
  title       = "Headrace: remover on engines"
  permissions = ["bigquery.tables.getData"]
}

resource "google_bigquery_table_iam_member" "remover_engines" {
  for_each = { for pair in setproduct(local.members.remover, var.tables_provisioned ? ["headrace_engines"] : []) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.headrace.dataset_id
  table_id   = each.value[1]
  role       = google_project_iam_custom_role.remover_engines.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "remover_archive" {
  project     = var.project
  role_id     = "headrace_remover_archive"
  title       = "Headrace: remover on archive"
  permissions = ["bigquery.datasets.delete", "bigquery.datasets.get", "bigquery.tables.delete", "bigquery.tables.get", "bigquery.tables.list"]
}

resource "google_bigquery_dataset_iam_member" "remover_archive" {
  for_each = { for pair in setproduct(local.members.remover, ["archive"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.archive.dataset_id
  role       = google_project_iam_custom_role.remover_archive.name
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_custom_role" "remover_loads" {
  project     = var.project
  role_id     = "headrace_remover_loads"
  title       = "Headrace: remover on loads"
  permissions = ["bigquery.datasets.delete", "bigquery.datasets.get", "bigquery.tables.list"]
}

resource "google_bigquery_dataset_iam_member" "remover_loads" {
  for_each = { for pair in setproduct(local.members.remover, ["loads"]) : join(" ", pair) => pair }

  project    = var.project
  dataset_id = google_bigquery_dataset.loads.dataset_id
  role       = google_project_iam_custom_role.remover_loads.name
  member     = each.value[0]

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

resource "google_kms_crypto_key_iam_member" "pubsub_agent_key" {
  for_each = { for pair in setproduct(local.members.pubsub_agent, ["data"]) : join(" ", pair) => pair }

  crypto_key_id = google_kms_crypto_key.data.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_kms_crypto_key_iam_member" "bigquery_agent_key" {
  for_each = { for pair in setproduct(local.members.bigquery_agent, ["data"]) : join(" ", pair) => pair }

  crypto_key_id = google_kms_crypto_key.data.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_kms_crypto_key_iam_member" "secrets_agent_regional_key" {
  for_each = { for pair in setproduct(local.members.secrets_agent, ["regional"]) : join(" ", pair) => pair }

  crypto_key_id = google_kms_crypto_key.regional.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_member" "job_project_dataflow" {
  for_each = { for pair in setproduct(local.members.job, var.dataflow ? [var.project] : []) : join(" ", pair) => pair }

  project = var.project
  role    = "roles/dataflow.worker"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "job_sealing_key_dataflow" {
  for_each = { for pair in setproduct(local.members.job, var.dataflow ? ["sealing"] : []) : join(" ", pair) => pair }

  project   = var.project
  secret_id = google_secret_manager_secret.keys["sealing"].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_storage_bucket_iam_member" "job_staging_dataflow" {
  for_each = { for pair in setproduct(local.members.job, var.dataflow ? ["staging"] : []) : join(" ", pair) => pair }

  bucket = google_storage_bucket.staging[0].name
  role   = "roles/storage.objectUser"
  member = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_artifact_registry_repository_iam_member" "job_images_dataflow" {
  for_each = { for pair in setproduct(local.members.job, var.dataflow ? ["images"] : []) : join(" ", pair) => pair }

  project    = var.project
  location   = google_artifact_registry_repository.images[0].location
  repository = google_artifact_registry_repository.images[0].name
  role       = "roles/artifactregistry.reader"
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_member" "backfiller_project_dataflow" {
  for_each = { for pair in setproduct(local.members.backfiller, var.dataflow ? [var.project] : []) : join(" ", pair) => pair }

  project = var.project
  role    = "roles/dataflow.worker"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_secret_manager_secret_iam_member" "backfiller_sealing_key_dataflow" {
  for_each = { for pair in setproduct(local.members.backfiller, var.dataflow ? ["sealing"] : []) : join(" ", pair) => pair }

  project   = var.project
  secret_id = google_secret_manager_secret.keys["sealing"].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_storage_bucket_iam_member" "backfiller_staging_dataflow" {
  for_each = { for pair in setproduct(local.members.backfiller, var.dataflow ? ["staging"] : []) : join(" ", pair) => pair }

  bucket = google_storage_bucket.staging[0].name
  role   = "roles/storage.objectUser"
  member = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_artifact_registry_repository_iam_member" "backfiller_images_dataflow" {
  for_each = { for pair in setproduct(local.members.backfiller, var.dataflow ? ["images"] : []) : join(" ", pair) => pair }

  project    = var.project
  location   = google_artifact_registry_repository.images[0].location
  repository = google_artifact_registry_repository.images[0].name
  role       = "roles/artifactregistry.reader"
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_project_iam_member" "launcher_project_dataflow" {
  for_each = { for pair in setproduct(local.members.launcher, var.dataflow ? [var.project] : []) : join(" ", pair) => pair }

  project = var.project
  role    = "roles/dataflow.developer"
  member  = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_storage_bucket_iam_member" "launcher_staging_dataflow" {
  for_each = { for pair in setproduct(local.members.launcher, var.dataflow ? ["staging"] : []) : join(" ", pair) => pair }

  bucket = google_storage_bucket.staging[0].name
  role   = "roles/storage.objectUser"
  member = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_artifact_registry_repository_iam_member" "launcher_images_dataflow" {
  for_each = { for pair in setproduct(local.members.launcher, var.dataflow ? ["images"] : []) : join(" ", pair) => pair }

  project    = var.project
  location   = google_artifact_registry_repository.images[0].location
  repository = google_artifact_registry_repository.images[0].name
  role       = "roles/artifactregistry.writer"
  member     = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_service_account_iam_member" "launcher_job_account_dataflow" {
  for_each = { for pair in setproduct(local.members.launcher, var.dataflow ? ["job"] : []) : join(" ", pair) => pair }

  service_account_id = google_service_account.headrace["job"].name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_service_account_iam_member" "launcher_backfiller_account_dataflow" {
  for_each = { for pair in setproduct(local.members.launcher, var.dataflow ? ["backfiller"] : []) : join(" ", pair) => pair }

  service_account_id = google_service_account.headrace["backfiller"].name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_kms_crypto_key_iam_member" "storage_agent_regional_key_dataflow" {
  for_each = { for pair in setproduct(local.members.storage_agent, var.dataflow ? ["regional"] : []) : join(" ", pair) => pair }

  crypto_key_id = google_kms_crypto_key.regional.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_kms_crypto_key_iam_member" "dataflow_agent_regional_key_dataflow" {
  for_each = { for pair in setproduct(local.members.dataflow_agent, var.dataflow ? ["regional"] : []) : join(" ", pair) => pair }

  crypto_key_id = google_kms_crypto_key.regional.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_kms_crypto_key_iam_member" "compute_agent_regional_key_dataflow" {
  for_each = { for pair in setproduct(local.members.compute_agent, var.dataflow ? ["regional"] : []) : join(" ", pair) => pair }

  crypto_key_id = google_kms_crypto_key.regional.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value[0]

  depends_on = [google_service_account.headrace]
}

resource "google_kms_crypto_key_iam_member" "images_agent_regional_key_dataflow" {
  for_each = { for pair in setproduct(local.members.images_agent, var.dataflow ? ["regional"] : []) : join(" ", pair) => pair }

  crypto_key_id = google_kms_crypto_key.regional.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value[0]

  depends_on = [google_service_account.headrace]
}
