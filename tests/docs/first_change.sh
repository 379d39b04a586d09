#!/bin/sh
# docs/first-change.md, done as it says: its diffs applied to a copy of the source, its commands run there.
set -e
cd "$(dirname "$0")/../.."
copy=$PWD/build/first-change
rm -rf "$copy"
mkdir -p "$copy"
git ls-files | grep -v '^tests/e2e/node_modules' | tar -cf - -T - | tar -xf - -C "$copy"
# What is built already need not be built again.
if [ -d build/obj ]; then
	mkdir -p "$copy/build"
	cp -a build/obj build/libfrontdesk.a "$copy/build/"
	find "$copy/src" "$copy/tests" "$copy/web" "$copy/tools" -type f -exec touch -r Makefile {} +
fi

# Each block becomes a numbered file: NN.diff or NN.sh, in the order of the page.
awk -v dir="$copy/build" '
	/^```(diff|sh)$/ { kind = substr($0, 4); file = sprintf("%s/step-%02d.%s", dir, ++n, kind); next }
	/^```$/ { file = ""; next }
	file { print > file }' docs/first-change.md

cd "$copy"
export GIT_CEILING_DIRECTORIES="${copy%/*}" # the copy is in no repository
steps=0
for step in build/step-*; do
	case $step in
	*.diff) git apply --recount --whitespace=nowarn -C1 "$step" || { echo "$step does not apply"; cat "$step"; exit 1; } ;;
	*.sh) timeout 300 sh -e "$step" || { echo "$step failed"; cat "$step"; exit 1; } ;;
	esac
	steps=$((steps + 1))
done
[ "$steps" -ge 8 ] || { echo "only $steps steps were found in docs/first-change.md"; exit 1; }
echo "[  PASSED  ] $steps test(s)."
