#!/bin/sh
# The examples of docs/configuration.md, put together, are an agent.yaml that passes.
cd "$(dirname "$0")/../.." || exit 2
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
cp examples/shop/* "$dir" 2> /dev/null

# The yaml blocks of the section on agent.yaml.
awk '/^## /{ inside = /agent\.yaml/ } /^```/{ block = inside && /yaml/; next } block' \
    docs/configuration.md > "$dir/agent.yaml"
[ "$(grep -c . "$dir/agent.yaml")" -gt 20 ] || { echo 'no examples found'; exit 1; }

# What they leave to the rest of the shop: the tool of customer.profile; and the shop's playbook
# needs more tools than one.
sed -i 's/^tools:$/&\n  lookup_account: { description: x, sql: { database: shop, query: SELECT 1 AS a } }/
	s/main: \[builtin\]/main: "scripted:script.yaml"/' "$dir/agent.yaml"
rm "$dir/playbook.yaml"
echo 'steps: [{ text: hello }]' > "$dir/script.yaml"
export PAY_KEY=secret # of the example of an http tool
exec "${BUILD:-build}/frontdesk" check "$dir"
