#!/bin/sh
# `frontdesk chat`, from a pipe and on a terminal: see cli_chat.py.
cd "$(dirname "$0")/../.." || exit 2
if ! command -v python3 > /dev/null; then
	echo 'skipped: e2e/cli_chat: python3 is absent (apt-get install python3)'
	echo '[  PASSED  ] 0 test(s).'
	echo '[  SKIPPED ] 1 test(s).'
	exit 0
fi
exec python3 tests/e2e/cli_chat.py "$@"
