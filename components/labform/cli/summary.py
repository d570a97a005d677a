"""`labform summary`: the page of a change from a real preview."""
