"""Search and trace: one box for any name of anything; the chain from CRM to payment; lineage of a line both ways."""
