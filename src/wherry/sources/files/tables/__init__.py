"""Tables that another system keeps as folders of files: Delta Lake, Iceberg and Hudi, with the same face."""
