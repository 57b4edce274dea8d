"""Write a report on the pipeline, measured on labelled data, as a page and as JSON."""
