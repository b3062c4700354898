#!/usr/bin/env bash
# Checks style and structure: clang-format, buildifier, clang-tidy on what changed, the
# arrows between folders. Prints one line a check, `PASSED name` or `FAILED name`.
#
#   tools/check.sh [BASE]
#
# BASE is the commit that "what changed" is counted from (default: origin/main, or the last
# commit when that is where HEAD is); `tools/check.sh all` has clang-tidy read every file.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export BERGEN_CACHE=${BERGEN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bergen}
failed=0

# check NAME COMMAND...: runs it, prints its output only if it fails.
check() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo "PASSED $name"
  else
    echo "$output"
    echo "FAILED $name"
    failed=1
  fi
}

format() { git ls-files -z -- '*.cc' '*.h' '*.proto' | xargs -0 clang-format --dry-run --Werror; }

# npm's package carries the program itself; the version is pinned.
buildifier() {
  local version=8.2.1 folder=$BERGEN_CACHE/buildifier-8.2.1
  if [[ ! -x $folder/node_modules/.bin/buildifier ]]; then
    npm install --silent --no-audit --no-fund --prefix "$folder" "@bazel/buildifier@$version" || return
  fi
  git ls-files -z -- BUILD '**/BUILD' WORKSPACE '**/WORKSPACE' '*.bzl' |
    xargs -0 "$folder/node_modules/.bin/buildifier" -mode=check -lint=warn \
      -warnings=-module-docstring,-native-cc-binary,-native-cc-library,-native-cc-test,-native-cc-proto,-native-proto,-native-py,-native-sh-binary,-native-sh-library,-native-sh-test
}

tidy() {
  local files
  if [[ $base == all ]]; then
    mapfile -t files < <(git ls-files -- '*.cc')
  else
    mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- '*.cc')
  fi
  ((${#files[@]})) || return 0
  printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy --quiet \
    --extra-arg=-std=c++20 --extra-arg=-I. --extra-arg=-Ibazel-bin \
    --extra-arg="-isystem$BERGEN_CACHE/sources/android-platform-external-boringssl-13.0.0+r24-2/src/include" \
    --extra-arg=-DSPDLOG_COMPILED_LIB --extra-arg=-DSPDLOG_FMT_EXTERNAL --extra-arg=-DSPDLOG_SHARED_LIB
}

# no_path FROM... -- TO...: nothing in FROM reaches anything in TO. A folder stands for all of
# its targets, and ~TARGET leaves one out of the side that it is on.
no_path() {
  local from=() to=() except=() from_except=() side=from path
  for folder in "$@"; do
    case $folder in
      --) side=to ;;
      \~*) [[ $side == from ]] && from_except+=("//${folder#\~}") || except+=("//${folder#\~}") ;;
      *) [[ $side == from ]] && from+=("//$folder/...") || to+=("//$folder/...") ;;
    esac
  done
  path=$(./bazelw query --noshow_progress --ui_event_filters=-info \
    "somepath(set(${from[*]}) except set(${from_except[*]}), set(${to[*]}) except set(${except[*]}))") || return
  [[ -z $path ]] || {
    echo "$path"
    return 1
  }
}

# Each cc_binary must be one that a linkage_test looks at.
linkage() {
  local unseen
  unseen=$(./bazelw query --noshow_progress --ui_event_filters=-info \
    'kind("cc_binary rule", //...) except deps(attr(main, "linkage_test", //...))') || return
  [[ -z $unseen ]] || {
    echo "in no linkage_test: $unseen"
    return 1
  }
}

base=${1:-}
if [[ -z $base ]]; then
  base=$(git merge-base HEAD origin/main 2>/dev/null)
  [[ -n $base && $base != $(git rev-parse HEAD) ]] || base=$(git rev-parse --verify --quiet HEAD~1 || echo all)
fi

check clang-format format
check buildifier buildifier
check clang-tidy tidy
check arrows:config no_path config -- periodic service launcher sslutils wsgi backdoor examples
check arrows:periodic no_path periodic -- service launcher sslutils wsgi backdoor examples
check arrows:service no_path service -- launcher sslutils wsgi backdoor examples
check arrows:sslutils no_path sslutils -- periodic service launcher wsgi backdoor examples '~periodic:clock' '~service:monotonic' '~service:unique_fd' '~service:waker'
check arrows:launcher no_path launcher -- sslutils wsgi backdoor examples
check arrows:wsgi no_path wsgi -- launcher backdoor examples
check arrows:backdoor no_path backdoor -- launcher examples
check arrows:backdoor:wsgi no_path backdoor '~backdoor:console' '~backdoor:console_test' -- wsgi
check arrows:linkage linkage
exit "$failed"
