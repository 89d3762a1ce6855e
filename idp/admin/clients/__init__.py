"""The administration of apps: their pages, forms, secrets, test sign-ins."""
