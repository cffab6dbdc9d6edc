"""Read inventories of Ansible in INI and YAML, and what `ansible-inventory --list` prints."""
