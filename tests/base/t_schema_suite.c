/* The public suite of JSON Schema for 2020-12: what we say we know agrees with it in every test,
 * and what we do not know is refused when the schema is compiled, never passed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/schema.h"

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define SUITE "../shared/data/hostile/json-schema/tests/draft2020-12"

/* Files of keywords that we have: so many groups are understood, so many are refused because
 * they use something else on top (an $id, \p{Letter}, unevaluatedProperties), or an empty enum.  A
 * file that is not listed is of a keyword we do not have, and all of it is refused. */
static const struct file {
	const char *name;
	int understood, refused;
} files[] = {
	{ "additionalProperties.json", 8, 1 },
	{ "allOf.json", 12, 0 },
	{ "anyOf.json", 8, 0 },
	{ "boolean_schema.json", 2, 0 },
	{ "const.json", 17, 0 },
	{ "default.json", 3, 0 },
	{ "enum.json", 14, 1 },
	{ "exclusiveMaximum.json", 1, 0 },
	{ "exclusiveMinimum.json", 1, 0 },
	{ "format.json", 19, 0 },
	{ "infinite-loop-detection.json", 1, 0 },
	{ "items.json", 10, 0 },
	{ "maxItems.json", 2, 0 },
	{ "maxLength.json", 2, 0 },
	{ "maxProperties.json", 3, 0 },
	{ "maximum.json", 2, 0 },
	{ "minItems.json", 2, 0 },
	{ "minLength.json", 2, 0 },
	{ "minProperties.json", 2, 0 },
	{ "minimum.json", 2, 0 },
	{ "multipleOf.json", 5, 0 },
	{ "not.json", 8, 1 },
	{ "oneOf.json", 11, 0 },
	{ "pattern.json", 2, 1 },
	{ "patternProperties.json", 5, 1 },
	{ "prefixItems.json", 4, 0 },
	{ "properties.json", 6, 0 },
	{ "propertyNames.json", 6, 0 },
	{ "ref.json", 13, 23 },
	{ "required.json", 5, 0 },
	{ "type.json", 11, 0 },
	{ "uniqueItems.json", 6, 0 },
};

static const struct file *listed(const char *name)
{
	for (size_t i = 0; i < array_len(files); i++)
		if (!strcmp(name, files[i].name))
			return &files[i];
	return NULL;
}

static json_t *load(const char *name)
{
	char path[300];
	json_error_t e;
	json_t *j;

	snprintf(path, sizeof(path), SUITE "/%s", name);
	j = json_load_file(path, JSON_ALLOW_NUL, &e);
	if (!j)
		fail_msg("%s: %s", path, e.text);
	return j;
}

static int run_group(const char *file, const json_t *group, int *disagreements)
{
	const char *what = json_str(group, "description");
	struct schema *s;
	struct err e;
	json_t *test;
	size_t i;

	s = schema_compile(json_object_get(group, "schema"), &e);
	if (!s)
		return 0;
	json_array_foreach (json_object_get(group, "tests"), i, test) {
		bool valid = schema_check(s, json_object_get(test, "data"), NULL, NULL);

		if (valid != json_flag(test, "valid")) {
			fprintf(stderr, "%s: %s: %s: we say %s\n", file, what,
			    json_str(test, "description"), valid ? "valid" : "invalid");
			++*disagreements;
		}
	}
	schema_free(s);
	return 1;
}

static void run_file(const char *name, int *disagreements)
{
	const struct file *f = listed(name);
	int understood = 0, refused = 0;
	json_t *groups = load(name), *group;
	size_t i;

	json_array_foreach (groups, i, group) {
		if (run_group(name, group, disagreements))
			understood++;
		else
			refused++;
	}
	json_decref(groups);
	if (understood != (f ? f->understood : 0) || (f && refused != f->refused)) {
		fprintf(stderr, "%s: %d understood, %d refused\n", name, understood, refused);
		++*disagreements;
	}
}

static void the_public_suite_agrees_with_all_we_understand(void **state)
{
	int disagreements = 0, seen = 0;
	struct dirent *entry;
	DIR *dir = opendir(SUITE);

	(void)state;
	if (!dir) {
		printf("skipped: schema suite: " SUITE " is absent\n");
		skip();
	}
	while ((entry = readdir(dir)))
		if (strstr(entry->d_name, ".json")) {
			run_file(entry->d_name, &disagreements);
			seen += listed(entry->d_name) != NULL;
		}
	closedir(dir);
	assert_int_equal(disagreements, 0);
	assert_int_equal(seen, array_len(files));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_public_suite_agrees_with_all_we_understand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
