"""Ideal codebooks with a formula: float64 or complex128 on the host, without JAX or SciPy.

`catalogue` knows by arithmetic which of them exist for c codes in d dimensions, and builds one only
when asked. The other modules hold the families; they take their arguments as the catalogue's.
"""
