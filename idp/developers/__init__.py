"""Pages for developers of relying parties: features offered, errors explained, their own apps."""
