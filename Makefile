# make demo: a mirror on this machine alone.  make test: everything.  make help: the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
DEMO_DIR ?= $(CURDIR)/.demo
# An absolute path counts from where ansible runs, a relative one from where its configuration is: give the first.
COLLECTIONS := $(CURDIR)/.collections
HERE := $(COLLECTIONS)/ansible_collections/lockstep/realtime
export ANSIBLE_COLLECTIONS_PATH := $(COLLECTIONS)
export PATH := $(BIN):$(PATH)

.PHONY: help venv demo demo-down bench bench-core bench-ssh bench-site test test-quick test-unit test-system test-churn test-workloads test-sanity test-e2e test-lifecycle test-nfs test-exports test-topologies test-firewall test-migrate docs-nfs test-faults faults-of-targets faults-of-sources fault-of-a-million test-faults-short soak fuzz lint lint-ansible types test-python test-older-core test-newer-core test-molecule docs test-docs gates build clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(VENV)/.stamp ## the tools, in .venv

$(VENV)/.stamp: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo 'make: ansible-core 2.19 runs on Python 3.11 to 3.13, and $(PYTHON) is another: make PYTHON=python3.x ...' >&2; exit 1; }
	@PYTHON='$(PYTHON)' tests/install-needs python3-venv
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

DOCS_VENV := $(CURDIR)/.venv-docs
DOCS_BIN := $(DOCS_VENV)/bin

$(DOCS_VENV)/.stamp: requirements-docs.txt
	@PYTHON='$(PYTHON)' tests/install-needs python3-venv
	$(PYTHON) -m venv --clear $(DOCS_VENV)
	$(DOCS_BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	@touch $@

# The checkout under the name that ansible finds a collection by.
$(HERE):
	@mkdir -p $(@D)
	@ln -sfn ../../.. $@

demo: venv $(HERE) ## sets up a mirror on this machine, proves it, and says how to use it
	PYTHONDONTWRITEBYTECODE=1 $(BIN)/ansible-playbook -i inventories/demo playbooks/demo.yml -e demo_dir='$(DEMO_DIR)'

demo-down: venv $(HERE) ## leaves nothing of the demo behind
	@case '$(DEMO_DIR)' in ''|/|"$$HOME"|'$(CURDIR)') echo "make: DEMO_DIR=$(DEMO_DIR) is no folder of the demo's own" >&2; exit 1 ;; esac
	PYTHONDONTWRITEBYTECODE=1 $(BIN)/ansible-playbook -i inventories/demo playbooks/demo.yml -e demo_dir='$(DEMO_DIR)' -e lockstep_state=absent
	rm -rf -- '$(DEMO_DIR)'

# Most tests wait for something, so that more of them run at a time than there are processors. WORKERS=0: one by one.
WORKERS ?= 3
SPREAD := -n $(WORKERS) --dist worksteal

UNIT_OPTIONS ?=
UNIT_NEEDS := rsync openssh-client bindfs prometheus systemd logrotate

# What needs no hosts and waits for little runs side by side, and each says what it has to say when it is done.
SIDE_BY_SIDE := --output-sync=target -j 2

test: venv $(HERE) ## everything but the long suites; as root it boots the lab's hosts
	@tests/install-needs $(UNIT_NEEDS) shellcheck
	@$(MAKE) $(SIDE_BY_SIDE) test-unit test-sanity lint types
	@$(MAKE) test-system
	@$(MAKE) $(SIDE_BY_SIDE) test-e2e test-nfs test-faults-short

test-quick: venv $(HERE) ## what needs no hosts, in minutes
	@$(MAKE) $(SIDE_BY_SIDE) UNIT_OPTIONS='-m "not slow"' test-unit lint types

lint: venv $(HERE) ## style of YAML, Ansible and Python
	$(BIN)/yamllint --strict .
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) lint-ansible

lint-ansible: venv $(HERE)
	$(BIN)/ansible-lint

types: venv ## the watcher's package, strictly typed, and nothing on a managed host that Python 3.9 does not have
	$(BIN)/mypy --strict roles/watcher/files/lockstep
	$(BIN)/vermin --quiet --no-tips --eval-annotations --no-parse-comments --violations -t=3.9- roles plugins/modules plugins/module_utils

test-unit: venv $(HERE) ## the package and the plugins, without a host
	@tests/install-needs $(UNIT_NEEDS)
	$(BIN)/pytest $(SPREAD) $(UNIT_OPTIONS) tests/unit

WORKLOADS := git logrotate stress-ng unzip vim zip

test-system: venv ## the watcher against a real rsync daemon on this machine, its page in a real browser
	@tests/install-needs rsync openssh-client openssh-server acl inotify-tools chromium chromium-driver prometheus $(WORKLOADS)
	$(BIN)/pytest $(SPREAD) tests/system

test-workloads: venv ## other people's programs in the source, at length
	@tests/install-needs rsync $(WORKLOADS)
	WORKLOADS=long $(BIN)/pytest tests/system -k workload

# OPERATIONS=100000 is the nightly form; one that fails prints the command that plays it again.
OPERATIONS ?= 100000
SEED ?= $(shell date +%s)
WAY ?=
test-churn: venv ## random operations and faults, then equal trees (OPERATIONS=100000 SEED=1 WAY=ssh)
	@tests/install-needs rsync openssh-client openssh-server
	OPERATIONS=$(OPERATIONS) SEED=$(SEED) WAY=$(WAY) $(BIN)/pytest tests/system/test_churn.py -k '$(if $(WAY),over_ssh,end_in_equal_trees and not over_ssh)' -rA --show-capture=stdout --tb=short

# A fraction of an hour will do: HOURS=0.1
HOURS ?= 1
soak: venv ## mixed load and random faults for HOURS; memory, descriptors, processes and watches over time
	@tests/install-needs rsync
	@mkdir -p build
	$(BIN)/python tests/soak/run.py --hours $(HOURS) --results build/soak.json

SECONDS ?= 600
fuzz: venv ## the parsers of what others send, with new examples for SECONDS
	@tests/install-needs rsync
	$(BIN)/python tests/tools/fuzz.py $(SECONDS)

test-sanity: venv ## ansible-test sanity, on what the tarball holds
	@tests/install-needs shellcheck
	tests/sanity/run

test-e2e: venv $(HERE) ## the demo, and as root the playbooks on the lab's hosts
	@if [ "$$(id -u)" = 0 ]; then tests/install-needs; else \
	  echo 'make: the lab needs root, and this is user '"$$(id -un)"': only the demo is tested' >&2; tests/install-needs rsync; fi
	$(BIN)/pytest $(if $(filter-out 0,$(WORKERS)),-n 2 --dist load) -m 'not long' tests/e2e

test-lifecycle: venv $(HERE) ## as root, mirrors come, move and go and passwords are rotated under load, on the lab's hosts
	@tests/install-needs
	$(BIN)/pytest $(if $(filter-out 0,$(WORKERS)),-n 1 --dist load) -m long tests/e2e

test-nfs: venv $(HERE) ## as root, clients of an NFS server, of versions 3 and 4, on the lab's hosts
	@if [ "$$(id -u)" = 0 ]; then tests/install-needs && $(BIN)/pytest tests/nfs --ignore tests/nfs/test_role.py; else \
	  echo 'make: the lab needs root, and this is user '"$$(id -un)"': no NFS client is tested' >&2; fi

test-exports: venv $(HERE) ## as root, the role nfs_export with both servers, on the lab's hosts
	@tests/install-needs
	$(BIN)/pytest tests/nfs/test_role.py

test-topologies: venv $(HERE) ## as root, many to one, a chain of three, and mirrors over ssh and tls, on the lab's hosts
	@tests/install-needs
	$(BIN)/pytest tests/topologies

test-firewall: venv $(HERE) ## as root, the daemon's port in nftables, ufw and firewalld, on the lab's hosts
	@tests/install-needs
	$(BIN)/pytest tests/firewall

test-migrate: venv $(HERE) ## as root, from the real lsyncd to lockstep and back under load, on the lab's hosts
	@if [ "$$(id -u)" = 0 ]; then tests/install-needs && $(BIN)/pytest tests/migrate; else \
	  echo 'make: the lab needs root, and this is user '"$$(id -un)"': no way over is tested' >&2; fi

docs-nfs: venv $(HERE) ## as root, what of NFS clients arrives when: the table in docs/nfs.md
	@tests/install-needs
	LOCKSTEP_NFS_TIMES=20 LOCKSTEP_NFS_TABLE=docs/nfs.md $(BIN)/pytest tests/nfs -k 'arrives or pause'

test-faults: venv $(HERE) ## as root, every fault on the lab's hosts; writes docs/reliability.md
	@tests/install-needs
	rm -rf build/faults
	@$(MAKE) $(if $(filter-out 0,$(WORKERS)),-j 3) faults-of-targets faults-of-sources fault-of-a-million
	$(BIN)/python tests/faults/report.py build/faults docs/reliability.md

# Faults mostly wait, so that there are three labs at a time, each with as much to do. Not by xdist: a run that is told
# to end takes its hosts down, and the processes of xdist are ended before they have.
MILLION := tests/faults/test_zz_million.py
OF_TARGETS := $(addprefix tests/faults/test_,10_target.py 11_link.py 13_backup_host.py)
faults-of-targets: venv $(HERE)
	$(BIN)/pytest $(OF_TARGETS)

faults-of-sources: venv $(HERE)
	$(BIN)/pytest $(addprefix --ignore ,$(OF_TARGETS) $(MILLION)) tests/faults

fault-of-a-million: venv $(HERE)
	$(BIN)/pytest $(MILLION)

test-faults-short: venv $(HERE) ## one of every kind of them
	@if [ "$$(id -u)" = 0 ]; then tests/install-needs && $(BIN)/pytest -m short tests/faults; else \
	  echo 'make: the lab needs root, and this is user '"$$(id -un)"': no fault is tested' >&2; fi

# Few and small figures are not for the documentation, unless somebody asks for it: make bench QUICK=1 DOCS=docs
QUICK ?=
DOCS ?= $(if $(QUICK),,docs)
bench: venv ## side by side with lsyncd and the guides' scripts, as docs/benchmarks.md (QUICK=1: in 3 minutes)
	@tests/install-needs rsync lsyncd inotify-tools
	@mkdir -p build
	$(BIN)/python tests/bench/run.py $(if $(QUICK),--quick )$(if $(DOCS),--docs '$(DOCS)' )--results build/bench.json \
	  --command 'make bench$(if $(QUICK), QUICK=1)'
	@$(if $(DOCS),,echo 'make: docs/benchmarks.md is left as it is (DOCS=docs writes it)' >&2)

bench-ssh: venv ## the lag of isolated changes over ssh beside the plain daemon's, in one run
	@tests/install-needs rsync openssh-client openssh-server
	$(BIN)/python tests/bench/over_ssh.py

bench-site: venv $(HERE) ## as root, seconds of site.yml on two lab hosts that have everything already
	@tests/install-needs
	$(BIN)/python tests/bench/site.py

bench-core: venv ## CPU time of the pure core: from events to batches
	$(BIN)/python tests/bench/core.py

# What runs on managed hosts, under another Python than that of the tools; the hosts' oldest is 3.9.
AT ?= python3.9
test-python: $(HERE) ## the watcher, alone and with a real daemon, and the modules under another Python (AT=python3.9)
	@command -v '$(AT)' >/dev/null || { echo 'make: there is no $(AT) here: make test-python AT=/path/to/python3.x' >&2; exit 1; }
	@tests/install-needs $(UNIT_NEEDS) openssh-server acl inotify-tools chromium chromium-driver $(WORKLOADS)
	@mkdir -p build
	'$(AT)' -m venv --clear build/python
	build/python/bin/python -m pip install --quiet --disable-pip-version-check -r tests/python/requirements.txt
	ANSIBLE_COLLECTIONS_ON_ANSIBLE_VERSION_MISMATCH=ignore build/python/bin/pytest $(SPREAD) \
	  tests/unit/package tests/unit/plugins/modules tests/unit/plugins/module_utils
	build/python/bin/pytest $(SPREAD) tests/system

# Other versions of ansible-core than the one of requirements-dev.txt: CORE=2.18.10
test-older-core: CORE ?= 2.18.19
test-older-core: $(HERE) ## the playbooks' syntax and the plugins' unit tests under ansible-core 2.18; as root site.yml, twice
	@PYTHON='$(PYTHON)' tests/install-needs python3-venv rsync bindfs
	rm -rf build/core
	@mkdir -p build
	$(PYTHON) -m venv build/core
	build/core/bin/python -m pip install --quiet --disable-pip-version-check ansible-core==$(CORE) pyinotify==0.9.6 \
	  -r tests/cores/requirements.txt
	tests/cores/check build/core
	@if [ "$$(id -u)" = 0 ]; then tests/install-needs; build/core/bin/python tests/bench/site.py --runs 1 --untimed; else \
	  echo 'make: the lab needs root, and this is user '"$$(id -un)"': site.yml is not run' >&2; fi

test-newer-core: CORE ?= 2.20.10
test-newer-core: venv ## as root, the same under ansible-core 2.20, which wants Python 3.12 or later, on a host of the lab
	@tests/install-needs
	LOCKSTEP_CORE=$(CORE) $(BIN)/pytest -rA --show-capture=stdout tests/cores

# Of the scenario's distributions, those that the lab can make an image of.
test-molecule: $(HERE) ## as root, the Molecule scenario in containers of Debian 12 and 13
	@PYTHON='$(PYTHON)' tests/install-needs
	@PYTHON='$(PYTHON)' tests/install-needs python3-venv podman runc
	rm -rf build/molecule
	@mkdir -p build
	$(PYTHON) -m venv build/molecule
	build/molecule/bin/python -m pip install --quiet --disable-pip-version-check -r tests/molecule/requirements.txt
	build/molecule/bin/python tests/molecule/run.py build/molecule bookworm trixie

# antsibull-docs writes the reference, pages.py lays the guides beside it, Sphinx takes no warning, and no link may be dead.
SITE := build/docs-site
docs: $(DOCS_VENV)/.stamp $(HERE) ## the guides and the reference of modules, filters and roles as a site, in build/docs-site
	rm -rf build/docs-src build/docs-trees $(SITE)
	@mkdir -p build/docs-src/reference
	PATH='$(DOCS_BIN)':"$$PATH" $(DOCS_BIN)/antsibull-docs collection --use-current --squash-hierarchy --fail-on-error \
	  --dest-dir build/docs-src/reference lockstep.realtime
	$(DOCS_BIN)/python tests/site/pages.py build/docs-src
	LOCKSTEP_VERSION="$$(sed -n 's/^version: //p' galaxy.yml)" $(DOCS_BIN)/sphinx-build -W --keep-going -q -b html \
	  -d build/docs-trees -c tests/site build/docs-src $(SITE)
	$(DOCS_BIN)/python tests/site/links.py $(SITE)
	@echo 'make: the site begins at $(SITE)/index.html'

test-docs: docs venv ## every page of that site in a real browser, on a desk and on a phone
	@tests/install-needs chromium chromium-driver
	$(BIN)/pytest tests/site

gates: $(DOCS_VENV)/.stamp ## what Ansible Galaxy asks for: documentation, changelog, importer, and lint
	tests/gates/run
	$(DOCS_BIN)/pre-commit validate-config .pre-commit-config.yaml
	@$(MAKE) lint

build: venv ## the collection's tarball, in build/
	$(BIN)/ansible-galaxy collection build --force --output-path build .

clean: ## what these targets made, but the demo
	rm -rf .venv .venv-docs .collections .ansible build .mypy_cache .pytest_cache .ruff_cache .hypothesis
