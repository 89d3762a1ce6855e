"""Pages for developers of relying parties: what is offered, errors explained, their own apps."""
