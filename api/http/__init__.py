"""The HTTP API under `/api/v1` (DESIGN section 8), and health and metrics beside it.

`app` puts it together; `edge` is what every request passes; `problems` maps errors to documents, in one table; the
modules of `routes` translate between HTTP and the parts in `Services`. No rule of the program lives here.
"""
