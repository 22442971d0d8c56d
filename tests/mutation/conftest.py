"""No tests here: `make mutants` runs this folder, with a tool that `make test` does not install."""

collect_ignore_glob = ["*.py"]
