#!/bin/sh
# The program under load, killed with -9 again and again: see crash.py.
cd "$(dirname "$0")/../.." || exit 2
if ! command -v python3 > /dev/null; then
	echo 'skipped: e2e/crash: python3 is absent (apt-get install python3)'
	echo '[  PASSED  ] 0 test(s).'
	echo '[  SKIPPED ] 1 test(s).'
	exit 0
fi
exec python3 tests/e2e/crash.py "$@"
