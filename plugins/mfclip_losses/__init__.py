"""Losses on logits, on predicted text (III-F) and on image embeddings."""
