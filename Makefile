SHELL := /bin/sh
.DEFAULT_GOAL := help

# One install a lock file: a fresh clone installs, later runs are free.
node_modules/.installed: package.json package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

## help: this list
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F': ' '{printf "  make %-14s %s\n", $$1, $$2}'

## demo: lose a safekeeper's disk on this machine and watch it heal (ARGS="--keep" leaves it running)
demo: build
	@node dist/safekeeper-operator.js demo $(ARGS)

## test: the whole test suite
test: build
	@npx vitest run $(VITEST_ARGS)

## test-real: what concerns the Kubernetes API, against a real kube-apiserver and etcd (needs Go, or KUBEBUILDER_ASSETS)
test-real: build envtest
	@npx vitest run --config vitest.real.config.ts $(VITEST_ARGS)

## envtest: build the real kube-apiserver and etcd once, outside of this directory (about ten minutes)
envtest: node_modules/.installed
	@npx tsx test/envtest/build.ts

## model: explore the recovery rules' state space in depth (minutes, gigabytes; ARGS="by terms" chooses rows by name)
model: node_modules/.installed
	@npx tsx test/model/deep.ts $(if $(ARGS),"$(ARGS)")

## check: formatting, lint, types and generated manifests
check: node_modules/.installed
	@npx biome format .
	@npx oxlint --type-aware --deny-warnings
	@npx tsc --noEmit

## build: one bundle per command in dist/
build: node_modules/.installed
	@npm run --silent build

## bench-transfer: how fast timelines are copied, against curl and tar (BENCH_SCALE=0.1 for a quick look)
bench-transfer: build
	@npx tsx test/bench/bench-transfer.ts

## bench-control: how fast the operator is on a real kube-apiserver, against a bare loop (BENCH_SCALE=0.1 for a quick look)
bench-control: build envtest
	@npx tsx test/bench/bench-control.ts $(ARGS)

## bench-restore: how fast an empty disk is refilled, against a sequential loop and against curl and tar (BENCH_SCALE=0.1 for a quick look)
bench-restore: build
	@npx tsx test/bench/bench-restore.ts

## crds: write the CRD manifests anew from src/api
crds: build
	@node dist/safekeeper-operator.js crds --output-dir crds

.PHONY: help demo test test-real envtest model check build bench-transfer bench-control bench-restore crds
