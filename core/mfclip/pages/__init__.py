"""What the pages that people look at share: style, skeleton, figures and words."""
