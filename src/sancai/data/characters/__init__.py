"""Game characters composed from layered art: the library, captions, questions, the split, training documents."""
