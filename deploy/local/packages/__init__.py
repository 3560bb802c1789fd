"""Programs that the tests and the demo need, fetched once from the public registries."""
