# The two commands are `make rehearsal` and `make test`; the others are their parts.
.PHONY: help rehearsal test down doctor status check
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# npm's own record of what it installed is newer than the lock file, or the packages are installed again
node_modules/.package-lock.json: package-lock.json
	@echo "packages    npm ci"
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

rehearsal: node_modules/.package-lock.json ## put all five stacks up on this machine
	@./rehearse up

test: node_modules/.package-lock.json ## format, lint, types, unit and program tests, then the full rehearsal
	@node --import tsx test/run.ts

check: node_modules/.package-lock.json ## format, lint and types only
	@npx prettier --check --log-level warn . && npx eslint . && npx tsc -p tsconfig.json

down: node_modules/.package-lock.json ## take the rehearsal down and leave nothing behind
	@./rehearse down

doctor: node_modules/.package-lock.json ## what is missing, how long it takes, how much disk it needs
	@./rehearse doctor

status: node_modules/.package-lock.json ## clusters, tunnels, database pods
	@./rehearse status
