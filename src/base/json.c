#include "base/json.h"

#include <stdlib.h>
#include <string.h>

bool json_depth_ok(const char *s, size_t n, int max)
{
	int depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > max)
				return false;
		} else if (c == ']' || c == '}') {
			depth--;
		}
	}
	return true;
}

json_t *json_read(const char *s, size_t n, struct err *e)
{
	json_error_t je;
	json_t *j;

	if (!json_depth_ok(s, n, JSON_DEPTH_MAX)) {
		err_set(e, ERR_INVALID, "nested deeper than %d levels", JSON_DEPTH_MAX);
		return NULL;
	}
	j = json_loadb(s, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
	if (!j)
		err_set(e, ERR_INVALID, "line %d column %d: %s", je.line, je.column, je.text);
	return j;
}

static void drop(void *arg)
{
	json_decref(arg);
}

json_t *json_in(struct arena *mem, json_t *j)
{
	if (j)
		arena_defer(mem, drop, j);
	return j;
}

json_t *json_read_in(struct arena *mem, const char *s, size_t n, struct err *e)
{
	return json_in(mem, json_read(s, n, e));
}

json_t *json_read_own(struct arena *mem, const char *s)
{
	struct err e;
	json_t *j = json_read_in(mem, s, strlen(s), &e);

	if (!j)
		bug("our own JSON does not parse: %s", e.msg);
	return j;
}

const char *json_str(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

const char *json_str_or(const json_t *object, const char *key, const char *fallback)
{
	const char *s = json_str(object, key);

	return s ? s : fallback;
}

int64_t json_int(const json_t *object, const char *key, int64_t fallback)
{
	const json_t *v = json_object_get(object, key);

	return json_is_integer(v) ? json_integer_value(v) : fallback;
}

double json_num(const json_t *object, const char *key, double fallback)
{
	const json_t *v = json_object_get(object, key);

	return json_is_number(v) ? json_number_value(v) : fallback;
}

bool json_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

void json_put_str(json_t *object, const char *key, const char *value)
{
	if (value)
		json_object_set_new(object, key, json_string(value));
}

const char *json_below(struct arena *mem, const char *pointer, const char *name)
{
	struct buf b = { 0 };
	const char *out;

	buf_printf(&b, "%s/", pointer);
	for (; *name; name++)
		if (*name == '~' || *name == '/')
			buf_adds(&b, *name == '~' ? "~0" : "~1");
		else
			buf_add(&b, name, 1);
	out = arena_strdup(mem, buf_str(&b));
	buf_done(&b);
	return out;
}

const char *json_below_index(struct arena *mem, const char *pointer, size_t i)
{
	return arena_printf(mem, "%s/%zu", pointer, i);
}
