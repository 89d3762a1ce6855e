"""One module per public address, named as in discovery. They speak HTTP and decide nothing."""
