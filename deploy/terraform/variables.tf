variable "project" {
  description = "Google Cloud project, as in headrace.toml"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project id: lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where the job runs, with its secrets, its bucket and its images"
  type        = string
}

variable "location" {
  description = "Where the datasets are: a region, EU or US; `location` in headrace.toml"
  type        = string
  default     = "EU"
}

variable "contracts" {
  description = "Folder of .avsc files; subjects, their topics and their tables follow from it"
  type        = string
}

variable "existing_topics" {
  description = "`topics` in headrace.toml, by full names: subject => projects/<project>/topics/<topic>"
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for topic in values(var.existing_topics) : can(regex("^projects/[^/]+/topics/[^/]+$", topic))])
    error_message = "projects/<project>/topics/<topic>."
  }
}

variable "existing_subscriptions" {
  description = "`[[subscriptions]]` in headrace.toml: projects/<project>/subscriptions/<subscription> => its subjects"
  type        = map(list(string))
  default     = {}

  validation {
    condition = alltrue([
      for name in keys(var.existing_subscriptions) : can(regex("^projects/[^/]+/subscriptions/[^/]+$", name))
    ])
    error_message = "projects/<project>/subscriptions/<subscription>."
  }
}

variable "dataset" {
  description = "`dataset` in headrace.toml"
  type        = string
  default     = "headrace"
}

variable "archive_dataset" {
  description = "`archive_dataset` in headrace.toml: the dead letters' archive"
  type        = string
  default     = "headrace_dead_letters"
}

variable "evolving_tables" {
  description = "Tables of contracts with `evolve`: `automatic`, to which the job may add columns"
  type        = list(string)
  default     = []
}

variable "tables_provisioned" {
  description = "true once `headrace provision` has made the tables: only then can they be granted"
  type        = bool
  default     = false
}

variable "validate_at_topic" {
  description = "Whether Pub/Sub refuses payloads that are not of the subject's newest contract; see docs/terraform.md"
  type        = bool
  default     = false
}

variable "large_event_buckets" {
  description = "Names of existing buckets with payloads of large events: applications upload, the job reads. Give each a lifecycle rule that deletes objects later than topics and dead letters are kept, such as after 60 days."
  type        = list(string)
  default     = []
}

variable "dataflow" {
  description = "Whether the job runs on Dataflow, and needs a bucket, a repository of images and workers"
  type        = bool
  default     = false
}

variable "members" {
  description = "Who acts as which identity, besides its own service account: docs/permissions.md names them"
  type        = map(list(string))
  default     = {}

  validation {
    condition = alltrue([
      for member in flatten(values(var.members)) : can(regex("^(user|group|serviceAccount|principal|principalSet):", member))
    ])
    error_message = "user:, group:, serviceAccount:, principal: or principalSet:, and never allUsers or allAuthenticatedUsers."
  }

  validation {
    condition     = length(setsubtract(keys(var.members), local.identities)) == 0
    error_message = "An identity that docs/permissions.md does not know."
  }
}

variable "log_filter" {
  description = "Which logs are the job's"
  type        = string
  default     = "resource.type=\"dataflow_step\" OR resource.labels.container_name=\"headrace\""
}

variable "alert_emails" {
  description = "Who is told when an alert fires, and when the budget is used up"
  type        = list(string)
  default     = []
}

variable "runbooks" {
  description = "Where docs/alerts.md can be read: an alert links to its section there"
  type        = string

  validation {
    condition     = startswith(var.runbooks, "https://")
    error_message = "An https:// address, without an anchor."
  }
}

variable "limits" {
  description = "What is too much; docs/alerts.md says of what"
  type = object({
    latency_seconds       = optional(number, 120)
    backlog_seconds       = optional(number, 600)
    refused_share         = optional(number, 0.01)
    refused_an_hour       = optional(number, 20)
    letter_seconds        = optional(number, 3600)
    open_letter_days      = optional(number, 7)
    stalled_minutes       = optional(number, 15)
    queried_gib_an_hour   = optional(number, 500)
    published_gib_an_hour = optional(number, 50)
  })
  default = {}
}

variable "budget" {
  description = "What a month may cost before everybody is told; null: no budget"
  type = object({
    billing_account = string
    amount          = number
    currency        = string
  })
  default = null
}
