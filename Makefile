# make run    installs what is missing and runs the whole site at http://127.0.0.1:8000
# make test   installs what is missing and runs the whole test suite
# make admin  creates an administrator
#
# make cluster-test  lets every part of a site on many machines fail, on this one (some minutes)
#
# HOST and PORT choose another address (make run PORT=8001), PYTHON another interpreter.
#
# make requirements  compiles requirements*.in to requirements*.txt; pins that still fit stay, those
#                    named are upgraded (make requirements UPGRADE="django celery")

PYTHON ?=
UPGRADE ?=

.PHONY: run admin install test cluster-test clean requirements
.DELETE_ON_ERROR:

run: install
	@.venv/bin/python manage.py serve

admin: install
	@.venv/bin/python manage.py migrate --verbosity 0
	@.venv/bin/python manage.py createsuperuser

install: .venv/.installed

# Three at a time, each with a stretch of the tests of its own: those of the site's processes mostly
# wait, and those of trainings compute meanwhile.
test: .venv/.installed-dev
	@.venv/bin/python -m pytest -n 3 --dist worksteal

cluster-test: .venv/.installed-dev
	@.venv/bin/python -m tools.cluster --json

COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make requirements' $(UPGRADE:%=--upgrade-package %)

requirements: .venv/.installed-dev
	@$(COMPILE) --output-file requirements.txt requirements.in
	@$(COMPILE) --output-file requirements-dev.txt requirements-dev.in
	@$(COMPILE) --output-file requirements-gpu.txt requirements-gpu.in

clean:
	rm -rf .venv staticfiles

# A stamp is written last. Where it is missing, whatever lies there was interrupted half-way, which
# pip cannot always see, and is made anew; so it is where its Python has gone.
ifneq ($(shell test -x .venv/bin/python || echo gone),)
$(shell rm -f .venv/.installed)
endif

.venv/.installed: requirements.txt
	@test -e $@ || PYTHON='$(PYTHON)' sh tools/environment.sh
	@rm -f $@
	@echo 'Installing what FaceRoute runs on; the first time takes some minutes.'
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.txt
	@echo 'Installing what the tests need.'
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
