"""What authors work with: a scaffold, corpora, the lock, and what has changed since."""
