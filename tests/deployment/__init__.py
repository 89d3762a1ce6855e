"""The files of deploy/, the Dockerfile and the definitions of CI."""
