#!/usr/bin/env bash
# Prints the directory of a Debian source package, unpacked. Fetches it once, from the
# Debian mirror that this machine is configured for, into a cache outside the tree.
#
#   tools/debian_source.sh PACKAGE
#
# The .dsc is pinned below by version and SHA-256. It holds the checksums of
# the archives, which dpkg-source checks.
set -euo pipefail

case "${1:-}" in
  android-platform-external-boringssl)
    version=13.0.0+r24-2
    sha256=7da1c07f669b05f417cbf3e0a784a1a9d844ce138616e02b3a228fc20645ef37
    ;;
  abseil)
    version=20220623.1-1+deb12u2
    sha256=ba731eaced569332fa4ce802a7ff2615ae57ac25beaf2d02f634ef908f2e62c2
    ;;
  *)
    echo "debian_source.sh: no package ${1:-}: known are android-platform-external-boringssl, abseil" >&2
    exit 2
    ;;
esac
package=$1

cache=${BERGEN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bergen}
unpacked=$cache/sources/$package-$version
if [[ -d $unpacked ]]; then
  echo "$unpacked"
  exit 0
fi

mkdir -p "$cache/sources"
# One fetch at a time; whoever waited finds the other's result.
exec 9>"$cache/sources/lock"
flock 9
if [[ -d $unpacked ]]; then
  echo "$unpacked"
  exit 0
fi

work=$(mktemp -d "$cache/sources/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Private lists: the machine's own sources, of kind deb-src. Its own lists stay as they are.
mkdir -p "$work"/{parts,lists/partial,archives/partial}
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [[ -f $file ]] || continue
  sed -nE 's/^deb(-src)?[[:space:]]/deb-src /p' "$file" | sort -u >"$work/parts/$(basename "$file" .list).list"
done
for file in /etc/apt/sources.list.d/*.sources; do
  [[ -f $file ]] || continue
  sed -E 's/^Types:.*/Types: deb-src/' "$file" >"$work/parts/$(basename "$file")"
done
apt=(apt-get -qq
  -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/parts"
  -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work" -o APT::Sandbox::User=root)

# A third-party archive without sources fails the update but not the fetch below.
"${apt[@]}" update >&2 || true
cd "$work"
if ! "${apt[@]}" source --download-only "$package=$version" >&2; then
  echo "debian_source.sh: cannot fetch the source package $package $version with apt-get" >&2
  exit 1
fi
dsc=${package}_$version.dsc
if ! echo "$sha256  $dsc" | sha256sum --check --status; then
  echo "debian_source.sh: $dsc: checksum is $(sha256sum "$dsc" | cut -d' ' -f1), want $sha256" >&2
  exit 1
fi
dpkg-source --no-check --extract "$dsc" unpacked >&2
mv unpacked "$unpacked"
echo "$unpacked"
