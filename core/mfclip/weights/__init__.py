"""Pretrained weights: files of tensors that a user has, read without pickle."""
