"""The sites that tests can run at: their declaration, and the rules that choose one."""
