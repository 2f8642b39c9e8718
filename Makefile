.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# PROGRAM=DEBIAN_PACKAGE
TEST_NEEDS := openssl=openssl redis-server=redis-server wrk=wrk curl=curl ps=procps slowhttptest=slowhttptest \
	dnsmasq=dnsmasq-base
BENCH_NEEDS := wrk=wrk taskset=util-linux nginx=nginx haproxy=haproxy
# Peers that may be missing from a table.
PEER_NEEDS := caddy=caddy /usr/lib/nginx/modules/ngx_http_lua_module.so=libnginx-mod-http-lua \
	/usr/share/lua/5.1/cjson/util.lua=lua-cjson

# npm writes this file at the end of every install: older than the lock file means not installed.
PACKAGES := node_modules/.package-lock.json
PEERS := native-bench/node_modules/.package-lock.json
BUILT := dist/.tsbuildinfo
SOURCES := $(shell find src -name '*.ts')

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(BUILT) ## Start the gateway on config/demo.yaml with two demo origins (Ctrl-C stops everything)
	@exec node test/demo/run.mjs

.PHONY: build
build: $(BUILT) ## Compile src to dist

.PHONY: test
test: $(BUILT) ## Run every test; the last line is "N passed, N failed"
	@.ci/need $(TEST_NEEDS)
	@npm test --silent

.PHONY: conformance
conformance: $(BUILT) ## Send corpora of HTTP/1.1 messages and of tokens through the gateway (where the corpus is at hand)
	@exec node test/conformance/run.mjs

.PHONY: fuzz
fuzz: $(BUILT) ## Mutate requests and replies (CASES=200000 SEED=any number)
	@CASES=$${CASES:-200000} SEED=$${SEED:-$$(date +%s)} npx vitest run --config .config/vitest.config.ts --no-file-parallelism test/fuzz

.PHONY: lint
lint: $(PACKAGES) ## ESLint, Prettier, types of everything, floors
	@npm run lint --silent

.PHONY: format
format: $(PACKAGES) ## Rewrite files in the Prettier style
	@npx prettier --write --log-level=warn .

.PHONY: bench
bench: $(BUILT) $(PEERS) ## Compare with other proxies, then write the page (SCENARIO=S1 ROUNDS=5 SECONDS=4)
	@.ci/need $(BENCH_NEEDS) $(PEER_NEEDS)
	@node native-bench/run.mjs
	@node native-bench/page.mjs

.PHONY: bench-quick
bench-quick: $(BUILT) ## S1 and S2 in short; fails when S1 costs far more than nginx
	@.ci/need $(BENCH_NEEDS)
	@exec node native-bench/run.mjs --only S1,S2 --rounds 3 --seconds 3 --proxies sluice,nginx,haproxy --gate 2.5 --no-results

.PHONY: bench-page
bench-page: ## Write native-bench/RESULTS.md again from the newest results
	@exec node native-bench/page.mjs

.PHONY: clean
clean: ## Remove what was built
	@rm -rf dist coverage node_modules/.cache

$(PACKAGES): package-lock.json
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); if (a < 20 || (a === 20 && b < 19)) { console.error("Sluice needs Node 20.19 or newer; this is " + process.version); process.exit(1) }'
	@echo "installing npm packages"
	@npm ci --loglevel=error >/dev/null
	@touch $@

$(PEERS): native-bench/package-lock.json
	@echo "installing the proxies of npm that the bench compares with"
	@cd native-bench && npm ci --loglevel=error --ignore-scripts >/dev/null
	@touch $@

$(BUILT): $(SOURCES) tsconfig.json package.json $(PACKAGES)
	@npm run build --silent
	@touch $@
