"""The study's vocabulary, its protocol and the records that its parts exchange."""
