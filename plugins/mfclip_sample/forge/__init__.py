"""The forging pipelines: what each generator does to a picture, and the trace it leaves."""
