"""ServiceNow: procurement's side of purchase orders, receipts and supplier invoices."""
