.DEFAULT_GOAL := help
.PHONY: help setup build console demo test check sim fuzz faults crash load contract compat packaging s2 size bench docs

help: ## prints these lines
	@sed -n 's/^\([a-z0-9]*\):.*## /make \1\t/p' Makefile | expand -t 16

setup: ## installs what is missing for all of the below
	@.ci/setup

build: ## the npm package in pkg/, wasm included
	@.ci/setup build
	@node js/scripts/build.mjs

console: build ## the development server's console page, where the server looks for it
	@npm run --silent build --workspace=examples/console

demo: ## server and example pages until Ctrl-C; CHECK=1 drives the pages in headless Chromium and ends
	@.ci/setup build $(if $(CHECK),browser)
	@node js/scripts/build.mjs
	@node .ci/demo.mjs $(if $(CHECK),--check)

test: ## every test: Rust, wasm in a browser, hooks, beside the official packages, contract, faults, crashes, bundlers, the example end to end; BROWSERS=chrome,firefox,webkit; ENGINE=js runs the core as JavaScript
	@BROWSERS=$(BROWSERS) .ci/setup build browser test compat packaging
	@BROWSERS=$(BROWSERS) ENGINE=$(ENGINE) node .ci/parts.mjs test

check: ## formats, lints, types, exports, licences, advisories, size
	@.ci/setup build lint
	@node .ci/parts.mjs check

sim: ## the simulations of the core over SEEDS=10000 seeds
	@SEEDS=$(SEEDS) node .ci/parts.mjs sim

fuzz: ## the decoders on bytes that libFuzzer makes up, each target for SECONDS=60
	@.ci/setup fuzz
	@SECONDS=$(SECONDS) node .ci/parts.mjs fuzz

faults: ## what can happen to a send, over real sockets, in Node and in Chromium; SEED= for the thousand sends
	@.ci/setup build browser
	@SEED=$(SEED) node .ci/parts.mjs package faults

crash: ## server and workers are killed ROUNDS=200 times under load; what was acknowledged is there afterwards, once; SEED= for the moments
	@.ci/setup build
	@ROUNDS=$(or $(ROUNDS),200) SEED=$(SEED) node .ci/parts.mjs package crash

load: ## runs that wait at once (RUNS=10000), sends a second (SENDS=20000), readers at once (READERS=5000), and their memory
	@.ci/setup build
	@node js/scripts/build.mjs
	@RUNS=$(RUNS) READERS=$(READERS) SENDS=$(SENDS) node tests/load/run.mjs

contract: ## the recorded exchanges, asked of URL= with KEY= (of our own server when left out)
	@.ci/setup build
	@TIDEGATE_URL=$(URL) TIDEGATE_SECRET_KEY=$(KEY) node .ci/parts.mjs contract

compat: ## components, rows, packets and calls beside the official packages; the server, judged by the official client
	@.ci/setup build compat
	@node .ci/parts.mjs package compat

packaging: ## the packed package in small real applications: bundlers in Chromium, with and without WebAssembly, Node, Bun and Deno; APP= for one
	@.ci/setup build browser packaging
	@APP=$(APP) node .ci/parts.mjs package packaging

s2: ## the suites with every stream at S2, on a server of its own (s2-lite, compiled once: some ten minutes)
	@.ci/setup build browser compat s2
	@node .ci/parts.mjs s2

size: ## bytes of the package as an application ships it, against the budget and beside other packages
	@.ci/setup build bench
	@node js/scripts/build.mjs
	@node js/scripts/size.mjs

bench: ## beside the official client and a hand-written minimum: time and memory in Node and Chromium; QUICK=1 for a few minutes
	@.ci/setup build browser bench
	@node js/scripts/build.mjs
	@QUICK=$(QUICK) node tests/bench/run.mjs

docs: ## the reference in target/docs: the npm package by TypeDoc, the crates by rustdoc
	@.ci/setup docs
	@node .ci/docs.mjs
