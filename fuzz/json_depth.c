#include "base/json.h"

#include <stdint.h>
#include <stdlib.h>

/* The guard and the parser agree: what is let through parses to a tree within the depth, and
 * what parses to a deeper one was not let through.  Of bytes that are no JSON the guard may say
 * anything, since the parser stops where they end to be JSON, before it is deeper. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int depth(const json_t *v)
{
	int deepest = 0;
	const char *key;
	json_t *child;
	size_t i;

	json_object_foreach (json_unconst(v), key, child) {
		int d = depth(child);

		deepest = d > deepest ? d : deepest;
	}
	json_array_foreach (v, i, child) {
		int d = depth(child);

		deepest = d > deepest ? d : deepest;
	}
	return deepest + (json_is_object(v) || json_is_array(v));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	int max = size ? data[size - 1] % 8 : 0;
	json_error_t je;
	struct err e = { 0 };
	json_t *tree = json_loadb(s, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je), *read;

	if (tree && json_depth_ok(s, size, max) != (depth(tree) <= max))
		abort();
	read = json_read(s, size, &e);
	if (!read != (e.code != ERR_NONE) || (read && !json_equal(read, tree)))
		abort();
	if (!read && tree && depth(tree) <= JSON_DEPTH_MAX)
		abort();
	if (read && depth(read) > JSON_DEPTH_MAX)
		abort();
	json_decref(read);
	json_decref(tree);
	return 0;
}
