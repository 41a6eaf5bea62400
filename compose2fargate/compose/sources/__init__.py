"""The files a project consists of: compose files, includes, extended services, env files."""
