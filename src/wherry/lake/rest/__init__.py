"""The endpoints of the Iceberg REST catalog: what is asked, and who answers."""
