"""The search for codebooks by descent. JAX is imported only when one runs.

`packing` holds `pack`, the way in; `batches` searches among few codes, `large` among many.
"""
