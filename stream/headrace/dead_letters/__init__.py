"""The archive of dead letters, and the ways in which people list, explain, edit and replay them."""
