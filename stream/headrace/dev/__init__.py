"""Programs to try, show and measure the job on one machine: emulators, the demo, the bench."""
