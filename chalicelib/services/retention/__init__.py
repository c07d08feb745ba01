"""Retention at work: look at a project, judge it, remove one by one."""
