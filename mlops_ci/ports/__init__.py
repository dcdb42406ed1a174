"""What the stages need from the outside, as Protocols, each to be imported from its own file: nobody loads the others.
One adapter a file in `backends/` keeps each of them.

All methods block until done, raise `BackendError` (or a subclass) when the outside fails, and never leave
half a result. Where a method is idempotent, or may meet another process, its docstring says how.
"""
