"""What must outlive a process: the journal on disk, the call records, the leases."""
