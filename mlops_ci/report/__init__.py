"""Results to terminal, Markdown, HTML and JSON, from the result files alone."""
