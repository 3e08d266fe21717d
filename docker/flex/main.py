"""What Dataflow's launcher runs with the template's parameters."""

from stream.deploy.flex import main

main()
