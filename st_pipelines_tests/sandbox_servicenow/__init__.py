"""The ServiceNow sandbox, judged by other clients than the project's own."""
