"""A private BuildKit daemon: what a lab with `engine: buildkit` builds on in tests."""
