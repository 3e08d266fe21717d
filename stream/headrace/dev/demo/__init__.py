"""The whole service on real events, with faults planted among them."""
