"""Losses on logits and on predicted text (III-F): cross-entropy and Kullback-Leibler."""
