"""What lies below the adapters: durable files, clocks, the kernel's files, systemd, logging; no policy."""
