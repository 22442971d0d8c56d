"""The search for codebooks by descent; `packing` holds `pack`, the way in."""
