"""The JSON API: routes, schemas, authentication, errors and the OpenAPI document."""
