"""Permissions."""
METHODS = {
    "Publisher.Publish": ("pubsub.topics.publish",),
    "Publisher.GetTopic": ("pubsub.topics.get",),
    "Subscriber.GetSubscription": ("pubsub.subscriptions.get",),
    "Subscriber.Pull": ("pubsub.subscriptions.consume",),
    "Subscriber.Acknowledge": ("pubsub.subscriptions.consume",),
    "Subscriber.ModifyAckDeadline": ("pubsub.subscriptions.consume",),
    "BigQueryWrite.CreateWriteStream": ("bigquery.tables.updateData",),
    "BigQueryWrite.AppendRows": ("bigquery.tables.updateData",),
    "BigQueryWrite.FinalizeWriteStream": ("bigquery.tables.updateData",),
    "datasets.GET": ("bigquery.datasets.get",),
    "tables.GET": ("bigquery.tables.get",),
    "tables.POST": ("bigquery.tables.create",),
    "tables.PATCH": ("bigquery.tables.get", "bigquery.tables.update"),
    "jobs.query": ("bigquery.jobs.create",),
    "jobs.query (each table)": ("bigquery.tables.getData",),
    "jobs.getQueryResults": ("bigquery.jobs.create",),
}
