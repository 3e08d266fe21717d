"""Deploy the job to Dataflow: options, the graph, the changes of an update, the Flex Template."""
