"""What a load costs, and what it takes past one machine. Nothing here runs the job."""
