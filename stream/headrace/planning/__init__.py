"""Planning of costs and capacity: the price of a load, and the needs beyond one machine. Nothing here runs the job."""
