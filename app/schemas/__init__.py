"""Schemas of requests and answers, for the parser and for the OpenAPI document. They check form, not rules."""
