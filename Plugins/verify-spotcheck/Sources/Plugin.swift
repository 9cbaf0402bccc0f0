// verify-spotcheck
