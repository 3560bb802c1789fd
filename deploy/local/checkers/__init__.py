"""Programs and schemas that check what Mailcall makes: charts, AsyncAPI, dashboards, pages."""
