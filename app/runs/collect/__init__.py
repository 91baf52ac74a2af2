"""Collect what is no single CSV file into one: scraped.csv, which the reader of metrics reads like any other.

A source is a file from which rows can be made: JSON lines, or a log with patterns. It reads on from a position, and the
collector appends the rows and stores the positions, so that every row is in the table exactly once, however often the
service is killed and whichever process goes on.
"""
