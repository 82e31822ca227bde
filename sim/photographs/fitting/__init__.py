"""The camera of a recording, found by geometry."""
