"""Access control: which tokens may test which targets and addresses."""
