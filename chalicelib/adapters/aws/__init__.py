"""The ports on AWS services: the only place that imports boto3."""
