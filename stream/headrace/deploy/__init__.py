"""What it takes to bring the job to Dataflow: options, the graph and what an update changes, the Flex Template."""
