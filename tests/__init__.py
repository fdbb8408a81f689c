"""The tests, in folders that mirror the packages. They run on real parts: real PostgreSQL, the twin, real HTTP."""
