"""The worker: runs the steps of backups and jobs."""
