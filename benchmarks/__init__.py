"""Speed and memory, measured against what people would use otherwise, in the same run."""
