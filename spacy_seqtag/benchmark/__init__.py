"""How fast pipelines are, where their time goes, and how far they are from what their modules could do. It knows no
component by name: spaCy's own are measured as ours are."""
