// HTTP, events, OpenAPI, dashboard.
