"""Everything about SQL text: inputs, columns, lineage, binding."""
