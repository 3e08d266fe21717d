# Subjects, and their tables, as the contracts say: there is no second list to forget.

locals {
  versions = {
    for file in fileset(var.contracts, "*.v*.avsc") :
    split(".v", file)[0] => tonumber(trimsuffix(split(".v", file)[1], ".avsc"))...
  }
  definitions = {
    for subject, versions in local.versions : subject => file("${var.contracts}/${subject}.v${max(versions...)}.avsc")
  }
  subjects = { for subject, definition in local.definitions : subject => jsondecode(definition).headrace.table }

  # Without those that exist already, as `topics` and `[[subscriptions]]` in headrace.toml name them.
  own_topics = { for subject, table in local.subjects : subject => table if !contains(keys(var.existing_topics), subject) }
  own_subscriptions = {
    for subject, table in local.subjects : subject => table
    if contains(keys(local.own_topics), subject) || !contains(flatten(values(var.existing_subscriptions)), subject)
  }

  # The owners of those in other projects grant access to them: a custom role ends at its project.
  granted_topics        = [for name in values(var.existing_topics) : name if startswith(name, "projects/${var.project}/")]
  granted_subscriptions = [for name in keys(var.existing_subscriptions) : name if startswith(name, "projects/${var.project}/")]
}

resource "google_pubsub_schema" "subjects" {
  for_each = local.definitions

  project    = var.project
  name       = each.key
  type       = "AVRO"
  definition = each.value

  depends_on = [google_project_service.apis]
}

resource "google_pubsub_topic" "subjects" {
  for_each = local.own_topics

  project      = var.project
  name         = each.key
  kms_key_name = google_kms_crypto_key.data.id

  dynamic "schema_settings" {
    for_each = var.validate_at_topic ? [google_pubsub_schema.subjects[each.key].id] : []

    content {
      schema   = schema_settings.value
      encoding = "BINARY"
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_kms_crypto_key_iam_member.pubsub_agent_key]
}

resource "google_pubsub_subscription" "subjects" {
  for_each = local.own_subscriptions

  project                    = var.project
  name                       = "headrace-${each.key}"
  topic                      = contains(keys(var.existing_topics), each.key) ? var.existing_topics[each.key] : google_pubsub_topic.subjects[each.key].id
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"

  # Never: by default, 31 days without a pull delete it and its messages.
  expiration_policy {
    ttl = ""
  }

  # Pub/Sub does not say when it was created: the engine reads this, and knows a subscription that was created anew.
  labels = { headrace-created = formatdate("YYYYMMDDhhmmss", timestamp()) }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [labels]
  }
}

# What it carries is raw, as it was published: nobody but the collector may read it.
resource "google_pubsub_topic" "dead_letters" {
  project      = var.project
  name         = "headrace-dead-letters"
  kms_key_name = google_kms_crypto_key.data.id

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_kms_crypto_key_iam_member.pubsub_agent_key]
}

resource "google_pubsub_subscription" "dead_letters" {
  project                    = var.project
  name                       = "headrace-dead-letters"
  topic                      = google_pubsub_topic.dead_letters.id
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }

  lifecycle {
    prevent_destroy = true
  }
}
