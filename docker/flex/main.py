"""What Dataflow's launcher runs with the template's parameters."""

from headrace.deploy.flex_launcher import main

main()
