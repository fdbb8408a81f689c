"""The routes, a module for each part of the address space. Each translates, and leaves deciding to what it calls."""

PREFIX = "/api/v1"
