"""Several processes that train one detector: who they are, what each takes, what they share."""
