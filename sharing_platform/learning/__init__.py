"""What organisations learn from each other: success stories, plant visits and learning groups, training that is wanted, questions and answers."""
