# What wakes people. Each alert is a line of PromQL, over metrics of Google's or the engine's own /metrics, and has a
# section of its name in docs/alerts.md, which says what to do.

locals {
  subscriptions = "monitored_resource=\"pubsub_subscription\",subscription_id=~\"headrace-.+\",subscription_id!=\"headrace-dead-letters\""
  topics        = "monitored_resource=\"pubsub_topic\",topic_id=~\"${join("|", keys(local.subjects))}\""
  dead_letters  = "monitored_resource=\"pubsub_topic\",topic_id=\"headrace-dead-letters\""
  ageing        = one([for config in google_bigquery_data_transfer_config.open_letters : reverse(split("/", config.name))[0]])

  alerts = {
    latency = {
      severity = "WARNING"
      minutes  = 5
      query    = "histogram_quantile(0.95, sum by (subject, le) (rate(headrace_pipeline_ingestion_seconds_bucket[5m]))) > ${var.limits.latency_seconds}"
    }
    latency-dataflow = {
      severity = "WARNING"
      minutes  = 5
      query    = "max by (job_name) (dataflow_googleapis_com:job_data_watermark_age{monitored_resource=\"dataflow_job\"}) > ${var.limits.latency_seconds}"
    }
    backlog = {
      severity = "ERROR"
      minutes  = 5
      query    = "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{${local.subscriptions}}) > ${var.limits.backlog_seconds}"
    }
    stalled = {
      severity = "CRITICAL"
      minutes  = 5
      query    = "(sum by (subscription_id) (pubsub_googleapis_com:subscription_num_undelivered_messages{${local.subscriptions}}) > 0) unless (sum by (subscription_id) (increase(pubsub_googleapis_com:subscription_ack_message_count{${local.subscriptions}}[${var.limits.stalled_minutes}m])) > 0)"
    }
    blocked = {
      severity = "ERROR"
      minutes  = 5
      query    = "max by (subject) (headrace_pipeline_blocked) > 0"
    }
    paused = {
      severity = "CRITICAL"
      minutes  = 0
      query    = "max by (subject) (headrace_pipeline_paused) > 0"
    }
    flood-dataflow = {
      severity = "CRITICAL"
      minutes  = 0
      query    = "sum by (job_name) (increase(logging_googleapis_com:user_headrace_flood{monitored_resource=\"dataflow_step\"}[15m])) > 0"
    }
    refused = {
      severity = "ERROR"
      minutes  = 0
      query    = "(sum(increase(pubsub_googleapis_com:topic_message_sizes_count{${local.dead_letters}}[1h])) > ${var.limits.refused_an_hour}) / sum(increase(pubsub_googleapis_com:topic_message_sizes_count{${local.topics}}[1h])) > ${var.limits.refused_share}"
    }
    letters = {
      severity = "ERROR"
      minutes  = 5
      query    = "max(pubsub_googleapis_com:subscription_oldest_unacked_message_age{monitored_resource=\"pubsub_subscription\",subscription_id=\"headrace-dead-letters\"}) > ${var.limits.letter_seconds}"
    }
    open-letters = {
      severity = "WARNING"
      minutes  = 0
      query    = "sum(increase(bigquerydatatransfer_googleapis_com:transfer_config_completed_runs{monitored_resource=\"bigquery_dts_config\",completion_state=\"FAILED\",config_id=\"${coalesce(local.ageing, "none")}\"}[6h])) > 0"
    }
    cost-queries = {
      severity = "WARNING"
      minutes  = 0
      query    = "sum(increase(bigquery_googleapis_com:query_scanned_bytes_billed{monitored_resource=\"global\"}[1h])) / 1073741824 > ${var.limits.queried_gib_an_hour}"
    }
    cost-messages = {
      severity = "WARNING"
      minutes  = 0
      query    = "sum(increase(pubsub_googleapis_com:topic_byte_cost{monitored_resource=\"pubsub_topic\"}[1h])) / 1073741824 > ${var.limits.published_gib_an_hour}"
    }
  }
}

# A job on Dataflow has no /metrics: its log says that a circuit is open, each time that a bundle is retried.
resource "google_logging_metric" "flood" {
  project     = var.project
  name        = "headrace_flood"
  description = "Bundles on Dataflow that the circuit breaker refused"
  filter      = "resource.type=\"dataflow_step\" AND severity>=ERROR AND \"CircuitOpenError\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
  }

  depends_on = [google_project_service.apis]
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.alert_emails)

  project      = var.project
  display_name = "Headrace: ${each.value}"
  type         = "email"

  labels = {
    email_address = each.value
  }

  depends_on = [google_project_service.apis]
}

resource "google_monitoring_alert_policy" "alerts" {
  for_each = local.alerts

  project               = var.project
  display_name          = "Headrace: ${each.key}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = each.key

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = "${each.value.minutes * 60}s"
      evaluation_interval = "60s"

      # The engine's own metrics appear with the first engine, Google's with the first message.
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "What it means and what to do: ${var.runbooks}#${each.key}"

    links {
      display_name = "Runbook"
      url          = "${var.runbooks}#${each.key}"
    }
  }

  depends_on = [google_project_service.apis, google_logging_metric.flood]
}
