"""The catalogue of programs that sign users in here, with the settings of each."""
