"""The sandbox of studioml.fleet: host machines as containers on one Linux machine, with real components."""
