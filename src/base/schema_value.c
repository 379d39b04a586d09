/* Comparing JSON values as JSON Schema means it, where jansson keeps integers and reals apart.
 *
 * Recursion follows the values, so it ends at DEEPEST: no value that passed json_read() is
 * deeper, and one that is compares as different. */
#include "base/schema_node.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEEPEST (JSON_DEPTH_MAX + 8)

unsigned types_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT: return TYPE_OBJECT;
	case JSON_ARRAY: return TYPE_ARRAY;
	case JSON_STRING: return TYPE_STRING;
	case JSON_INTEGER: return TYPE_NUMBER | TYPE_INTEGER;
	case JSON_REAL:
		return floor(json_real_value(v)) == json_real_value(v) ? TYPE_NUMBER | TYPE_INTEGER
								       : TYPE_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE: return TYPE_BOOLEAN;
	case JSON_NULL: return TYPE_NULL;
	}
	return 0;
}

const char *type_names(unsigned types, char *out, size_t size)
{
	static const struct {
		unsigned type;
		const char *name;
	} all[] = {
		{ TYPE_OBJECT, "object" },
		{ TYPE_ARRAY, "array" },
		{ TYPE_STRING, "string" },
		{ TYPE_INTEGER, "integer" },
		{ TYPE_NUMBER, "number" },
		{ TYPE_BOOLEAN, "boolean" },
		{ TYPE_NULL, "null" },
	};
	size_t n = 0;

	if (types & TYPE_NUMBER)
		types &= ~(unsigned)TYPE_INTEGER;
	out[0] = '\0';
	for (size_t i = 0; i < array_len(all) && n < size; i++)
		if (types & all[i].type)
			n += (size_t)snprintf(
			    out + n, size - n, "%s%s", n ? " or " : "", all[i].name);
	return out;
}

/* Exact also where a double cannot hold the integer. */
static int compare_mixed(int64_t i, double r)
{
	if (r >= 9223372036854775808.0)
		return -1;
	if (r < -9223372036854775808.0)
		return 1;
	if (i != (int64_t)r)
		return i < (int64_t)r ? -1 : 1;
	return (r < trunc(r)) - (r > trunc(r));
}

int number_compare(const json_t *a, const json_t *b)
{
	if (json_is_integer(a) && json_is_integer(b)) {
		int64_t x = json_integer_value(a), y = json_integer_value(b);

		return (x > y) - (x < y);
	}
	if (json_is_integer(a))
		return compare_mixed(json_integer_value(a), json_real_value(b));
	if (json_is_integer(b))
		return -compare_mixed(json_integer_value(b), json_real_value(a));
	return (json_real_value(a) > json_real_value(b)) -
	       (json_real_value(a) < json_real_value(b));
}

/* Decimal fractions have no exact doubles: 0.0075 is a multiple of 0.0001, whatever the
 * hardware thinks of their quotient. */
bool number_divides(const json_t *divisor, const json_t *v)
{
	double q, d = json_number_value(divisor), x = json_number_value(v);

	if (json_is_integer(divisor) && json_is_integer(v))
		return json_integer_value(v) % json_integer_value(divisor) == 0;
	q = x / d;
	if (!isfinite(q))
		return fmod(x, d) == 0;
	return fabs(q - nearbyint(q)) <= 4 * 2.220446049250313e-16 * fabs(q);
}

static bool same(const json_t *a, const json_t *b, int depth)
{
	const char *key;
	json_t *v;

	if (json_is_number(a) && json_is_number(b))
		return number_compare(a, b) == 0;
	if (json_typeof(a) != json_typeof(b) || depth > DEEPEST)
		return false;
	switch (json_typeof(a)) {
	case JSON_STRING:
		return json_string_length(a) == json_string_length(b) &&
		       !memcmp(json_string_value(a), json_string_value(b), json_string_length(a));
	case JSON_ARRAY:
		if (json_array_size(a) != json_array_size(b))
			return false;
		for (size_t i = 0; i < json_array_size(a); i++)
			if (!same(json_array_get(a, i), json_array_get(b, i), depth + 1))
				return false;
		return true;
	case JSON_OBJECT:
		if (json_object_size(a) != json_object_size(b))
			return false;
		json_object_foreach (json_unconst(a), key, v) {
			const json_t *other = json_object_get(b, key);

			if (!other || !same(v, other, depth + 1))
				return false;
		}
		return true;
	default: return true;
	}
}

bool value_same(const json_t *a, const json_t *b)
{
	return same(a, b, 0);
}

/* FNV-1a, stirred at the end so that sums of hashes (the members of an object) spread. */
static uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
	const unsigned char *s = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ s[i]) * 1099511628211u;
	return h ^ (h >> 29);
}

static uint64_t hash(const json_t *v, int depth)
{
	uint64_t h = 14695981039346656037u + (uint64_t)json_typeof(v);
	const char *key;
	json_t *member;
	double r;

	if (depth > DEEPEST)
		return h;
	switch (json_typeof(v)) {
	case JSON_INTEGER:
	case JSON_REAL:
		r = json_number_value(v);
		if (r == 0)
			r = 0; /* -0.0 is 0 */
		return hash_bytes(17, &r, sizeof(r));
	case JSON_STRING: return hash_bytes(h, json_string_value(v), json_string_length(v));
	case JSON_ARRAY:
		for (size_t i = 0; i < json_array_size(v); i++) {
			uint64_t one = hash(json_array_get(v, i), depth + 1);

			h = hash_bytes(h, &one, sizeof(one));
		}
		return h;
	case JSON_OBJECT:
		json_object_foreach (json_unconst(v), key, member) {
			uint64_t one = hash(member, depth + 1);

			h += hash_bytes(hash_bytes(23, key, strlen(key)), &one, sizeof(one));
		}
		return h;
	default: return h;
	}
}

uint64_t value_hash(const json_t *v)
{
	return hash(v, 0);
}
