#!/bin/sh
# The chat page in a real browser, against the real program and the demo shop.
# FRONTDESK names another program with the same command line, CHROMIUM another browser.
cd "$(dirname "$0")/../.." || exit 2

skip() {
	echo "skipped: e2e/chat: $1"
	echo '[  PASSED  ] 0 test(s).'
	echo '[  SKIPPED ] 1 test(s).'
	exit 0
}

CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
export CHROMIUM
[ -x "$CHROMIUM" ] || skip "the browser $CHROMIUM is absent (apt-get install chromium)"
command -v node > /dev/null || skip 'node is absent (apt-get install nodejs)'
if [ ! -e tests/e2e/node_modules/.package-lock.json ]; then
	command -v npm > /dev/null || skip 'npm is absent (apt-get install npm)'
	(cd tests/e2e && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error) ||
		skip 'npm could not install playwright-core and axe-core (is there a network?)'
fi
exec node tests/e2e/chat.mjs "$@"
