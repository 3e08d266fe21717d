"""What runs on one machine to try, show and measure the job: emulators, the demo, the bench."""
