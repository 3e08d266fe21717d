"""The steps of an event, top to bottom. A step imports no other step."""
