"""The report: the pipeline measured on labelled data, as a page and its JSON."""
