"""Characters, captions, questions, sums: training data made on the fly from a pack of parts."""
