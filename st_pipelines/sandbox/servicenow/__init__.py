"""The ServiceNow sandbox: OAuth, Table API, Import Set API, Batch API, and accounts payable with its people."""
