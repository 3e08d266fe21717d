"""Values that every step passes on. No clients."""
