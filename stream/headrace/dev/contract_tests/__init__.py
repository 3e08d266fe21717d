"""Cases beside contracts: given events, and the rows, masks and dead letters that the job makes of them."""
