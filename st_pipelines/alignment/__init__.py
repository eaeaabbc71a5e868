"""Which customer or vendor of one system is which of another: matching, links, and who has the say of each field."""
