"""The training service: the app, the domain below it, and the command line beside it."""
