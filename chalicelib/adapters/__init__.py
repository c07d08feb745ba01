"""The ways the ports meet the world: `embedded` on one machine, `aws` on AWS's engines."""
