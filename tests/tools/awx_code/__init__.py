"""From playbooks, roles and modules to the objects of an AWX."""
