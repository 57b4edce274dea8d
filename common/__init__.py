"""Helpers shared by all packages: parallel work, intervals over patients, HTML pages."""
