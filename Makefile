# The project's habits. Each target works from a fresh clone.

PYTHON ?= $(shell scripts/python)
VENV := .venv
BIN := $(VENV)/bin
# There are hundreds of processes, and each would compile all modules.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run test test-all test-scale test-interop bench lint lint-types lint-structure lint-texts format messages lock wheel audit sbom clean

setup: $(VENV)/.installed

# uv takes a tenth of pip's time, but knows nothing of an index that pip is configured for.
$(VENV)/.installed: requirements/development.txt requirements/uv.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/development.txt || \
	  $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/development.txt
	touch $@

run: setup  ## the provider on :8000, a sample relying party on :8001, a sample API on :8003
	scripts/run

test: setup  ## everything but what the next three run, once; PYTEST="-k word" narrows it
	scripts/test $(PYTEST)

test-all: setup  ## the same, on SQLite what makes no difference there, too, and all cases of sweeps
	TEST_ALL=1 scripts/test $(PYTEST)

test-scale: setup  ## load, storms, outages and very many rows, on both databases
	TEST_SCALE=1 TEST_WORKERS=1 scripts/test $(PYTEST)

test-interop: setup  ## programs of others that are built or downloaded first
	TEST_INTEROP=1 scripts/test $(PYTEST)

bench: setup  ## what each request costs; BENCH="--beside oidc-provider" compares, "--help" says more
	scripts/bench $(BENCH)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory --jobs 2 lint-types lint-structure lint-texts

lint-types:
	$(BIN)/mypy

lint-structure:
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_migrations.py

lint-texts:
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run foundation accounts idp
	$(BIN)/python scripts/check_texts.py
	$(BIN)/python scripts/integrations.py --check
	$(BIN)/python scripts/capacity.py --check

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: setup  ## collect the texts to translate, and compile the translations
	$(BIN)/python manage.py makemessages --all --no-location --no-wrap --no-obsolete \
	  -i .venv -i node_modules -i tests -i examples -i var
	$(BIN)/python scripts/check_texts.py --compile

lock: setup  ## pin the newest versions that the .in files allow
	for file in requirements/*.in tests/programs/requirements/*.in; do \
	  $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.11 $$file -o $${file%in}txt; \
	done

AUDIT := $(VENV)-audit
$(AUDIT)/.installed: requirements/audit.txt requirements/build.txt
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements/audit.txt -r requirements/build.txt
	touch $@

wheel: $(AUDIT)/.installed  ## dist/signet-….whl
	rm -rf build  # what an earlier version left would go into the wheel
	$(AUDIT)/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

audit: $(AUDIT)/.installed  ## are there known vulnerabilities in what production runs on? Asks a registry
	$(AUDIT)/bin/python scripts/audit.py requirements/production.txt requirements/otel.txt requirements/keyring.txt requirements/ldap.txt requirements/saml.txt

sbom: $(AUDIT)/.installed  ## dist/sbom.json: what production runs on, in CycloneDX
	mkdir -p dist
	$(AUDIT)/bin/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application \
	  --output-reproducible --output-format JSON --output-file dist/sbom.json requirements/production.txt

clean:
	rm -rf $(VENV) $(AUDIT) dist build *.egg-info var tests/node_modules db.sqlite3*
