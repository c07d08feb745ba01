"""The rules of backups: values and decisions, without any input or output."""
