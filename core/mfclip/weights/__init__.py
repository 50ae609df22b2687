"""Pretrained weights: got when asked, kept with their record, read without pickle."""
