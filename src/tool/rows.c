#include "tool/rows.h"

#include "base/mem.h"
#include "base/text.h"

static json_t *json_of(struct rows *r, const char *column, const struct db_value *v)
{
	json_t *text;

	switch (v->type) {
	case DB_INT: return json_integer(v->i);
	case DB_REAL:
		text = json_real(v->r);
		if (!text)
			err_set(
			    &r->err, ERR_INVALID, "the value of %s is not a finite number", column);
		return text;
	case DB_TEXT:
		text = text_is_utf8(v->p, v->n) ? json_stringn(v->p, v->n) : NULL;
		if (!text)
			err_set(&r->err, ERR_INVALID, "the value of %s is not valid text", column);
		return text;
	case DB_BLOB:
		err_set(&r->err, ERR_INVALID, "the value of %s is binary data", column);
		return NULL;
	default: return json_null();
	}
}

static json_t *object_of(struct rows *r, const struct db_value *values, int n)
{
	json_t *row = json_object();

	for (int i = 0; i < n; i++) {
		const char *column = sqlite_column(r->c, i);
		json_t *value = json_of(r, column, &values[i]);

		if (!value) {
			json_decref(row);
			return NULL;
		}
		json_object_set_new(row, column, value);
	}
	return row;
}

int rows_add(void *arg, const struct db_value *values, int n)
{
	struct rows *r = arg;
	size_t have;
	json_t *row;

	if (!r->list)
		r->list = json_array();
	have = json_array_size(r->list);
	if (have == (size_t)(r->one ? 1 : r->max)) {
		r->truncated = !r->one;
		return 1;
	}
	row = object_of(r, values, n);
	if (!row)
		return 1;
	r->bytes += json_dumpb(row, NULL, 0, JSON_COMPACT) + 1;
	if (r->bytes > r->max_bytes) {
		json_decref(row);
		if (have == 0)
			err_set(&r->err, ERR_LIMIT, "one row alone is larger than %zu bytes",
			    r->max_bytes);
		r->truncated = true;
		return 1;
	}
	json_array_append_new(r->list, row);
	return 0;
}

json_t *rows_take(struct rows *r)
{
	json_t *list = r->list ? r->list : json_array(), *out;

	r->list = NULL;
	if (!r->one)
		return json_pack("{s:o, s:b}", "rows", list, "truncated", r->truncated);
	out = json_array_size(list) ? json_incref(json_array_get(list, 0)) : json_null();
	json_decref(list);
	return out;
}

void rows_done(struct rows *r)
{
	json_decref(r->list);
	r->list = NULL;
}
