# Every target does its own set-up, in .venv of this checkout; when nothing changed that costs a few hundredths of a second.
# Paths here are relative to this file: a checkout whose path has spaces works, and two checkouts share nothing.

ARGS =
# Test processes that run side by side. `make test WORKERS=0` for a debugger.
WORKERS = 3

SETUP := sh scripts/setup.sh
PYTHON_HERE := .venv/bin/python
SOURCES := src tests bench scripts

.DEFAULT_GOAL := help
.PHONY: help demo run test check bench screenshots docs lock clean

help: ## this list
	@echo 'make TARGET [ARGS="..."]'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/  \1\t\2/p' Makefile | expand -t 16

demo: ## the dashboard on the embedded lab (ARGS="--fault ssh:rpi03=hang")
	@$(SETUP) run
	@.venv/bin/homelab demo $(ARGS)

run: ## the dashboard, or a subcommand, on your own lab (ARGS="--config FILE jobs --json")
	@$(SETUP) run
	@.venv/bin/homelab $(ARGS)

test: ## all tests, with Debian's real servers (ARGS="-k name", WORKERS=0 for one process)
	@$(SETUP) dev --servers
	@$(PYTHON_HERE) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: ## format, lint, types, layers; generated pages and pictures not stale
	@$(SETUP) dev
	@failed=; \
	.venv/bin/ruff format --check $(SOURCES) || failed="$$failed format"; \
	.venv/bin/ruff check $(SOURCES) || failed="$$failed lint"; \
	.venv/bin/mypy || failed="$$failed types"; \
	.venv/bin/lint-imports || failed="$$failed layers"; \
	$(PYTHON_HERE) -m scripts.generate_docs --check || failed="$$failed docs"; \
	$(PYTHON_HERE) -m scripts.make_screenshots --check || failed="$$failed screenshots"; \
	if [ -n "$$failed" ]; then echo "check: not in order:$$failed" >&2; exit 1; fi; echo "check: all in order"

bench: ## the speed figures, as ratios within one run (ARGS="table" for one of them)
	@$(SETUP) dev
	@$(PYTHON_HERE) -m bench $(ARGS)

screenshots: ## screenshots/*.svg, drawn by the program from frozen states
	@$(SETUP) dev
	@$(PYTHON_HERE) -m scripts.make_screenshots $(ARGS)

docs: ## docs/keys.md and docs/config.md, from the command table and the config model
	@$(SETUP) dev
	@$(PYTHON_HERE) -m scripts.generate_docs $(ARGS)

lock: ## requirements*.lock, from pyproject.toml (needs uv; ARGS=--upgrade for newest versions)
	@$(SETUP) dev
	@$(PYTHON_HERE) -m scripts.lock $(ARGS)

clean: ## removes .venv and every cache of this checkout
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .grimp_cache dist
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
