# Sourced by the scripts in this folder: where the tools live, and how the scripts speak.
# shellcheck shell=bash disable=SC2034
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=${XDG_CACHE_HOME:-$HOME/.cache}/tidegate
with_wasm=$root/.ci/with-wasm
target=wasm32-unknown-unknown

say() { printf 'setup: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; elif have sudo; then sudo "$@"; else return 1; fi; }
