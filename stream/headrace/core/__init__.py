"""Values that the steps pass to each other. No clients."""
