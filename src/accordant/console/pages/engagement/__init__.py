"""One engagement: journey with evidence, what each system says, terms, people, lines, documents, history."""
