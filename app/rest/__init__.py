"""The REST API: one blueprint per resource, and what they share."""
