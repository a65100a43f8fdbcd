"""Mathematics over many logs at once: what metrics share and Polars alone cannot say."""
