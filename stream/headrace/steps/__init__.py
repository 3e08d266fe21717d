"""Steps of an event, in order. A step imports no other step."""
