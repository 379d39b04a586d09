#include "mock_request.h"

#include <stddef.h>
#include <string.h>

enum {
	MAX_PENDING = 64,
	ID_LEN = 80
};

/* ---------- JSON: skip and walk, no tree ---------- */

static const char *ws(const char *p, const char *e)
{
	while (p < e && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

static const char *skip_string(const char *p, const char *e) /* p at the opening quote */
{
	for (p++; p < e;) {
		const char *q = memchr(p, '"', (size_t)(e - p));
		if (!q)
			return NULL;
		const char *b = q;
		while (b > p && b[-1] == '\\')
			b--;
		if (((q - b) & 1) == 0)
			return q + 1;
		p = q + 1;
	}
	return NULL;
}

static const char *skip_value(const char *p, const char *e)
{
	int depth = 0;
	for (p = ws(p, e); p < e;) {
		switch (*p) {
		case '"':
			if (!(p = skip_string(p, e)))
				return NULL;
			break;
		case '{':
		case '[':
			depth++;
			p++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return p;
			depth--;
			p++;
			break;
		case ',':
			if (depth == 0)
				return p;
			p++;
			continue;
		case ':':
		case ' ':
		case '\n':
		case '\t':
		case '\r': p++; continue;
		default:
			while (p < e && !strchr(",]} \n\t\r", *p))
				p++;
		}
		if (depth == 0)
			return p;
	}
	return NULL;
}

struct iter {
	const char *p, *e;
	const char *key;
	size_t keylen;
	const char *val, *vend;
	bool object, first, bad;
};

static struct iter iter_begin(const char *p, const char *e, char open)
{
	struct iter it = { .e = e, .object = open == '{', .first = true };
	p = ws(p, e);
	if (p >= e || *p != open)
		it.bad = true;
	else
		it.p = p + 1;
	return it;
}

static bool iter_next(struct iter *it)
{
	if (it->bad)
		return false;
	const char *p = ws(it->p, it->e);
	if (p < it->e && !it->first && *p == ',')
		p = ws(p + 1, it->e);
	it->first = false;
	if (p >= it->e) {
		it->bad = true;
		return false;
	}
	if (*p == ']' || *p == '}')
		return false;
	if (it->object) {
		if (*p != '"') {
			it->bad = true;
			return false;
		}
		const char *q = skip_string(p, it->e);
		if (!q) {
			it->bad = true;
			return false;
		}
		it->key = p + 1;
		it->keylen = (size_t)(q - p) - 2;
		p = ws(q, it->e);
		if (p >= it->e || *p != ':') {
			it->bad = true;
			return false;
		}
		p = ws(p + 1, it->e);
	}
	it->val = p;
	if (!(it->vend = skip_value(p, it->e))) {
		it->bad = true;
		return false;
	}
	it->p = it->vend;
	return true;
}

static bool key_is(const struct iter *it, const char *k)
{
	return strlen(k) == it->keylen && !memcmp(it->key, k, it->keylen);
}

static bool str_is(const char *v, const char *ve, const char *s)
{
	size_t n = strlen(s);
	return v && (size_t)(ve - v) == n + 2 && *v == '"' && !memcmp(v + 1, s, n);
}

/* ---------- request validation ---------- */

struct pending {
	char id[MAX_PENDING][ID_LEN];
	int n;
};

static bool pend_add(struct pending *pd, const char *v, const char *ve)
{
	if (!v || *v != '"' || pd->n == MAX_PENDING || ve - v >= ID_LEN)
		return false;
	memcpy(pd->id[pd->n], v, (size_t)(ve - v));
	pd->id[pd->n++][ve - v] = 0;
	return true;
}

static bool pend_take(struct pending *pd, const char *v, const char *ve)
{
	for (int i = 0; v && i < pd->n; i++)
		if (strlen(pd->id[i]) == (size_t)(ve - v) &&
		    !memcmp(pd->id[i], v, (size_t)(ve - v))) {
			memmove(pd->id[i], pd->id[pd->n - 1], ID_LEN);
			pd->n--;
			return true;
		}
	return false;
}

static const char *check_openai(const char *v, const char *ve, struct request *rq)
{
	static struct pending pd;
	pd.n = 0;
	rq->final = false;
	int count = 0;
	struct iter m = iter_begin(v, ve, '[');
	while (iter_next(&m)) {
		const char *role = NULL, *role_e = NULL, *calls = NULL, *calls_e = NULL,
			   *tcid = NULL, *tcid_e = NULL;
		struct iter f = iter_begin(m.val, m.vend, '{');
		while (iter_next(&f)) {
			if (key_is(&f, "role"))
				role = f.val, role_e = f.vend;
			else if (key_is(&f, "tool_calls") && *f.val == '[')
				calls = f.val, calls_e = f.vend;
			else if (key_is(&f, "tool_call_id"))
				tcid = f.val, tcid_e = f.vend;
		}
		if (f.bad || !role)
			return "message without role";
		count++;
		rq->final = false;
		if (str_is(role, role_e, "tool")) {
			if (!pend_take(&pd, tcid, tcid_e))
				return "tool message without a preceding tool call";
			rq->final = true;
			continue;
		}
		if (pd.n)
			return "tool call without its tool message";
		if (str_is(role, role_e, "system") || str_is(role, role_e, "developer"))
			rq->system = true;
		if (calls) {
			struct iter c = iter_begin(calls, calls_e, '[');
			while (iter_next(&c)) {
				struct iter o = iter_begin(c.val, c.vend, '{');
				while (iter_next(&o))
					if (key_is(&o, "id") && !pend_add(&pd, o.val, o.vend))
						return "bad tool call id";
			}
		}
	}
	if (m.bad || !count)
		return "bad messages array";
	return pd.n ? "tool call without its tool message" : NULL;
}

static const char *check_anthropic(const char *v, const char *ve, struct request *rq)
{
	static struct pending pd;
	pd.n = 0;
	rq->final = false;
	int count = 0;
	struct iter m = iter_begin(v, ve, '[');
	while (iter_next(&m)) {
		const char *content = NULL, *content_e = NULL;
		struct iter f = iter_begin(m.val, m.vend, '{');
		while (iter_next(&f))
			if (key_is(&f, "content"))
				content = f.val, content_e = f.vend;
		if (f.bad || !content)
			return "message without content";
		count++;
		rq->final = false;
		bool had = pd.n > 0;
		if (*content == '[') {
			struct iter b = iter_begin(content, content_e, '[');
			while (iter_next(&b)) {
				const char *type = NULL, *type_e = NULL, *id = NULL, *id_e = NULL,
					   *ref = NULL, *ref_e = NULL;
				struct iter o = iter_begin(b.val, b.vend, '{');
				while (iter_next(&o)) {
					if (key_is(&o, "type"))
						type = o.val, type_e = o.vend;
					else if (key_is(&o, "id"))
						id = o.val, id_e = o.vend;
					else if (key_is(&o, "tool_use_id"))
						ref = o.val, ref_e = o.vend;
				}
				if (str_is(type, type_e, "tool_result")) {
					if (!pend_take(&pd, ref, ref_e))
						return "tool_result without its tool_use";
					rq->final = true;
				} else if (str_is(type, type_e, "tool_use")) {
					if (had || !pend_add(&pd, id, id_e))
						return "tool_use out of place";
				}
			}
		}
		if (had && pd.n)
			return "tool_use without its tool_result";
	}
	if (m.bad || !count)
		return "bad messages array";
	return pd.n ? "tool_use without its tool_result" : NULL;
}

struct request parse_request(const char *p, size_t n, bool openai)
{
	struct request rq = { 0 };
	const char *msgs = NULL, *msgs_e = NULL;
	struct iter it = iter_begin(p, p + n, '{');
	while (iter_next(&it)) {
		if (key_is(&it, "messages"))
			msgs = it.val, msgs_e = it.vend;
		else if (key_is(&it, "stream"))
			rq.stream = *it.val == 't';
		else if (key_is(&it, "system"))
			rq.system = true;
		else if (key_is(&it, "stream_options"))
			rq.include_usage =
			    memmem(it.val, (size_t)(it.vend - it.val), "true", 4) != NULL;
		else if (key_is(&it, "tools") && *it.val == '[') {
			struct iter t = iter_begin(it.val, it.vend, '[');
			while (iter_next(&t))
				rq.n_tools++;
		}
	}
	if (it.bad)
		rq.error = "malformed JSON";
	else if (!msgs)
		rq.error = "no messages";
	else if (rq.n_tools < N_TOOLS)
		rq.error = "fewer than 3 tools declared";
	else
		rq.error =
		    openai ? check_openai(msgs, msgs_e, &rq) : check_anthropic(msgs, msgs_e, &rq);
	return rq;
}
