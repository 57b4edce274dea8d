"""The command line: a file a command, and the options they share."""
